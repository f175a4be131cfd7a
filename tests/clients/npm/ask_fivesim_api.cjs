// What fivesim-api 1.0.0 makes of 5sim. Run by test_foreign_clients.
const { refusal, reporting } = require("./asking.cjs");
const { FiveSimAPI } = require("fivesim-api");

reporting(async (url) => {
  const client = new FiveSimAPI("sim-key");
  client.client.defaults.baseURL = `${url}/v1`;
  const told = await client.buyActivationNumber("russia", "any", "code-arrives:0", { wait: true });
  const seen = await client.checkOrder(told.id);
  const finished = await client.finishOrder(told.id);
  const silent = await client.buyActivationNumber("russia", "any", "timeout");
  const waiting = await client.checkOrder(silent.id);
  const listed = await client.getOrderHistory({ category: "activation" });
  const cancelled = await client.cancelOrder(silent.id);
  const again = await client.reuseNumber("timeout", told.phone.replace("+", ""));
  const banned = await client.banOrder(again.id);
  return {
    phone: told.phone.replace("+", ""),
    code: seen.sms[0].code,
    finished: finished.status,
    again: again.phone === told.phone,
    waiting: waiting.status,
    listed: listed.Data.map((order) => String(order.id)),
    silent: String(silent.id),
    cancelled: cancelled.status,
    banned: banned.status,
    gone: (await client.checkOrder(silent.id)).status,
    refused: await refusal(() => client.checkOrder(1)),
    balance: (await client.getProfile()).balance.toFixed(2),
  };
});
