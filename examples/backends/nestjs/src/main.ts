import "reflect-metadata";
import { NestFactory } from "@nestjs/core";
import type { NestExpressApplication } from "@nestjs/platform-express";
import { AppModule } from "./app.module.js";

// A webhook's signature is over the bytes that came, so they are kept.
const app = await NestFactory.create<NestExpressApplication>(AppModule, { rawBody: true });
app.enableShutdownHooks();
await app.listen(Number(process.env.PORT ?? 3000));
console.log(`listens at ${await app.getUrl()}`);
