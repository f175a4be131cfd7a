// What sms-activate 1.0.1 makes of the classic dialect: POSTs with everything in the query.
// Excepted: it takes an id and a phone for a number, and shows whole units of a balance.
const { refusal, reporting } = require("./asking.cjs");
const SMSActivate = require("sms-activate");

reporting(async (url) => {
  const client = new SMSActivate("sim-key");
  client.session.defaults.baseURL = `${url}/stubs/handler_api.php`;
  const told = await client.getNumber("code-arrives:0");
  const code = await client.getCode(told.id);
  const finished = await client.setStatus(told.id, 6);
  const silent = await client.getNumber("timeout");
  return {
    phone: String(told.number),
    code,
    finished,
    waiting: await client.getStatus(silent.id),
    cancelled: await client.setStatus(silent.id, 8),
    gone: await client.getStatus(silent.id),
    refused: await refusal(() => client.getNumber("no-numbers")),
    unknown: await refusal(() => client.getStatus(1)),
    balance: await client.getBalance(),
  };
});
