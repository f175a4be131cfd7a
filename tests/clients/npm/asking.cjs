// What every script that asks a client of Node has in common.

/** An SMS over the control API of the simulator. */
async function deliver(url, id) {
  const body = JSON.stringify({ id, code: "13579", text: "Code 13579" });
  const reply = await fetch(`${url}/_sim/sms`, { method: "POST", body });
  if (!reply.ok) throw new Error(`the simulator says ${reply.status}`);
}

/** The class of the error, or what it says where classes have no names; there must be one. */
async function refusal(call) {
  try {
    return `none: ${JSON.stringify(await call())}`;
  } catch (error) {
    return error.constructor.name.length > 1 ? error.constructor.name : error.message;
  }
}

/** Ask the provider at the URL that was given, and print what the client made of it. */
function reporting(ask) {
  ask(process.argv[2]).then(
    (report) => process.stdout.write(JSON.stringify(report)),
    (error) => {
      console.error(error);
      process.exitCode = 1;
    },
  );
}

module.exports = { deliver, refusal, reporting };
