import {
  createParamDecorator, Injectable, UnauthorizedException, type CanActivate, type ExecutionContext,
} from "@nestjs/common";
import type { Request } from "express";

/** Stands for your own login: who has which session cookie. */
const USERS: Record<string, string> = { "cookie-of-ada": "ada", "cookie-of-bob": "bob" };

function userOf(context: ExecutionContext): string | undefined {
  const cookies = context.switchToHttp().getRequest<Request>().headers.cookie ?? "";
  const session = /(?:^|;\s*)session=([\w-]+)/.exec(cookies)?.[1];
  return session === undefined || !Object.hasOwn(USERS, session) ? undefined : USERS[session];
}

@Injectable()
export class LoggedIn implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    if (userOf(context) === undefined) throw new UnauthorizedException("Log in first.");
    return true;
  }
}

/** The user's name, in a route that `LoggedIn` guards. */
export const User = createParamDecorator((_: unknown, context: ExecutionContext) => userOf(context));
