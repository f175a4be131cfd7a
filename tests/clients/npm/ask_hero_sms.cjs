// What hero-sms 2.0.0 makes of the hero dialect. Run by test_foreign_clients.
const { refusal, reporting } = require("./asking.cjs");
const { HeroSMSClient } = require("hero-sms");

reporting(async (url) => {
  const baseUrl = `${url}/stubs/handler_api.php`;
  const client = new HeroSMSClient({ apiKey: "sim-key", baseUrl });
  const told = await client.getNumberV2({ service: "code-arrives:0", country: 0 });
  const seen = await client.getStatus(told.activationId);
  const messages = await client.getAllSms({ id: told.activationId });
  const finished = await client.complete(told.activationId);
  const silent = await client.getNumber({ service: "timeout", country: 0 });
  const waiting = await client.getStatus(silent.activationId);
  const listed = await client.getActiveActivations();
  await client.cancelActivation(silent.activationId);
  return {
    phone: told.phoneNumber,
    code: seen.code,
    messages: messages.data.length,
    finished,
    waiting: waiting.status,
    listed: listed.data.map((row) => String(row.activationId)),
    silent: String(silent.activationId),
    gone: (await client.getStatus(silent.activationId)).status,
    refused: await refusal(() => client.getNumber({ service: "no-numbers", country: 0 })),
    balance: (await client.getBalance()).toFixed(2),
  };
});
