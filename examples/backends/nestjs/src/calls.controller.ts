import {
  BadRequestException, Controller, Headers, HttpCode, Post, Req, UseGuards, type RawBodyRequest,
} from "@nestjs/common";
import type { Request } from "express";
import { Backend, verify, WebhookError, type ClientSecret, type Webhook } from "talkover/server";
import { CallsGateway } from "./calls.gateway.js";
import { LoggedIn, User } from "./login.guard.js";
import { setting } from "./settings.js";

@Controller()
export class CallsController {
  private readonly secret = setting("TALKOVER_WEBHOOK_SECRET");

  constructor(private readonly backend: Backend, private readonly calls: CallsGateway) {}

  /** What the page of a logged-in user calls with. */
  @Post("token")
  @UseGuards(LoggedIn)
  token(@User() user: string): Promise<ClientSecret> {
    return this.backend.mint({ user, maxUses: 1, expiresSeconds: 60 });
  }

  /** Where the voice server tells of calls: its `--webhook`. */
  @Post("webhooks")
  @HttpCode(204)
  async webhook(
    @Headers() headers: Record<string, string>, @Req() request: RawBodyRequest<Request>,
  ): Promise<void> {
    const { type, data } = await this.believed(headers, request.rawBody ?? Buffer.alloc(0));
    // It is answered now; the call goes on for minutes.
    if (type === "call.started") void this.calls.follow(data.call_id, data.user);
  }

  private async believed(headers: Record<string, string>, body: Buffer): Promise<Webhook> {
    try {
      return await verify(headers, body, this.secret);
    } catch (error) {
      if (error instanceof WebhookError) throw new BadRequestException(error.message);
      throw error;
    }
  }
}
