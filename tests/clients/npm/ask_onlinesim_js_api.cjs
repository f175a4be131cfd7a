// What onlinesim-js-api 1.1.2 makes of onlinesim. Run by test_foreign_clients.
const { deliver, refusal, reporting } = require("./asking.cjs");
const OnlineSim = require("onlinesim-js-api");

reporting(async (url) => {
  const driver = new OnlineSim("sim-key").setBase(`${url}/api/`);
  const numbers = driver.numbers();
  const told = await numbers.getWithNumber("timeout");
  await deliver(url, told.tzid);
  const seen = await numbers.stateOne(told.tzid);
  await numbers.close(told.tzid);
  const silent = await numbers.getWithNumber("timeout");
  const listed = await numbers.state();
  const waiting = (await numbers.stateOne(silent.tzid)).response;
  await numbers.close(silent.tzid);
  const rentals = driver.rent();
  const rented = await rentals.get(7, 1);
  await deliver(url, rented.tzid);
  const [rental] = await rentals.state();
  const money = await driver.user().balance();
  return {
    phone: told.number.replace("+", ""),
    code: seen.msg[0].msg,
    waiting,
    listed: listed.map((row) => String(row.tzid)),
    silent: String(silent.tzid),
    gone: (await numbers.stateOne(silent.tzid)).response,
    messages: rental.messages.length,
    missing: Object.keys(money).filter((name) => money[name] === undefined),
    refused: await refusal(() => numbers.get("no-numbers")),
    balance: money.balance,
  };
});
