import { Module } from "@nestjs/common";
import { Backend } from "talkover/server";
import { WebSocket } from "ws";
import { CallsController } from "./calls.controller.js";
import { CallsGateway } from "./calls.gateway.js";
import { Orders } from "./orders.service.js";
import { setting } from "./settings.js";

@Module({
  controllers: [CallsController],
  providers: [
    CallsGateway,
    Orders,
    {
      provide: Backend,
      useFactory: () =>
        // Node 20 has no WebSocket of its own; from 22 on it may be left out.
        new Backend({ url: setting("TALKOVER_URL"), key: setting("TALKOVER_KEY"), WebSocket }),
    },
  ],
})
export class AppModule {}
