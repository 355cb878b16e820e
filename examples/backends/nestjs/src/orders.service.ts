import { Injectable } from "@nestjs/common";

/** Stands for your own database. */
const ORDERS = [
  { number: "4711", user: "ada", status: "was shipped on Tuesday" },
  { number: "4712", user: "bob", status: "waits for its payment" },
];

@Injectable()
export class Orders {
  /** What the agent may know of an order; nobody hears of another one's. */
  status(number: string, user: string | null): string {
    const order = ORDERS.find((one) => one.number === number && one.user === user);
    return order ? `Order ${number} ${order.status}.` : `This caller has no order ${number}.`;
  }
}
