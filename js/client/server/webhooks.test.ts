import { expect, test } from "vitest";
import { verify } from "./webhooks.js";

// Signed by Python's hmac.
const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const AT = 1797000000;
const BODY =
  '{"id":"sess_1.started","type":"call.started","created_at":1797000000,"data":{"call_id":"rtc_1","user":"Adá"}}';
const SIGNED = {
  "webhook-id": "sess_1.started", "webhook-timestamp": String(AT),
  "webhook-signature": "v1,Nt/iEhPtPG6tQOTPt6z1hEhjCQFFCdGG50m92F6x4uc=",
};

test("what was signed with the secret is believed, whatever holds the headers", async () => {
  for (const headers of [SIGNED, new Headers(SIGNED)]) {
    for (const body of [BODY, new TextEncoder().encode(BODY)]) {
      expect((await verify(headers, body, SECRET, AT + 299)).data.user).toBe("Adá");
    }
  }
});

test("a secret that is no base64 counts as it is written, as on the server", async () => {
  const signed = { ...SIGNED, "webhook-signature": "v1,c6FySxMVsQJyJPJafM0A3DhL3ficZHFOifrw15MNrl8=" };
  expect((await verify(signed, BODY, "plain", AT)).id).toBe("sess_1.started");
});

test("one of several signatures is enough, as while secrets change", async () => {
  const several = `v1a,x v1,AAAA v1,!! ${SIGNED["webhook-signature"]}`;
  await verify({ ...SIGNED, "webhook-signature": several }, BODY, SECRET, AT);
});

test.each([
  ["another body", SIGNED, BODY.replace("rtc_1", "rtc_2"), AT, "bad_signature"],
  ["another id", { ...SIGNED, "webhook-id": "sess_2.started" }, BODY, AT, "bad_signature"],
  ["another time", { ...SIGNED, "webhook-timestamp": String(AT + 1) }, BODY, AT, "bad_signature"],
  ["an old message", SIGNED, BODY, AT + 301, "too_old"],
  ["a message of the future", SIGNED, BODY, AT - 301, "too_old"],
  ["no time", { ...SIGNED, "webhook-timestamp": "soon" }, BODY, AT, "not_signed"],
  ["no headers", {}, BODY, AT, "not_signed"],
  ["no signature of that kind", { ...SIGNED, "webhook-signature": "v2,AAAA" }, BODY, AT, "bad_signature"],
])("%s is refused", async (_, headers, body, now, code) => {
  await expect(verify(headers, body, SECRET, now)).rejects.toMatchObject({ name: "WebhookError", code });
});

test("a secret that cannot be one is said to be so", async () => {
  await expect(verify(SIGNED, BODY, "whsec_!", AT)).rejects.toThrow(TypeError);
});
