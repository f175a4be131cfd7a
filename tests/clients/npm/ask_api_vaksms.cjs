// What api-vaksms 1.0.1 makes of vak-sms. Run by test_foreign_clients.
// Excepted: it asks over TLS only, so its requests are sent without.
const { reporting } = require("./asking.cjs");
const fetched = require("node-fetch");

require.cache[require.resolve("node-fetch")].exports = (target, options) =>
  fetched(target.replace("https://", "http://"), options);
const VakSms = require("api-vaksms");

reporting(async (url) => {
  const client = new VakSms("sim-key", url.replace("http://", ""));
  const told = await client.getNumber("code-arrives:0", "ru");
  const { smsCode } = await client.getSmsCode(told.idNum);
  const charged = await client.setStatus(told.idNum, "end");
  const silent = await client.getNumber("timeout", "ru");
  const waiting = await client.getSmsCode(silent.idNum);
  const cancelled = await client.setStatus(silent.idNum, "end");
  return {
    phone: String(told.tel),
    code: smsCode,
    charged: charged.status,
    waiting: waiting.smsCode,
    cancelled: cancelled.status,
    gone: (await client.getSmsCode(silent.idNum)).error,
    refused: (await client.getNumber("no-numbers", "ru")).error,
    balance: (await client.getBalance()).balance.toFixed(2),
  };
});
