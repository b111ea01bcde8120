// The official parser's answers, for scripts/compare_parse_spec.py.
//
//     node parse_spec.js PACKAGE_DIR < questions > answers
//
// questions: a JSON list of {file, argv, env}; answers: a JSON list, in the same order, of
// {resources} or {error}. PACKAGE_DIR holds node_modules/@serverless-devs/parse-spec.
//
// The parser reads and changes process.env (its `.env` files), and takes the working directory for
// its starting point, so each question gets a fresh copy of both.

const path = require("path");
const fs = require("fs");

const ENV = process.env;
const quiet = () => {};
const logger = new Proxy({}, { get: () => quiet });

// stdout is for the answers: what the parser and its parts print on the way is not one.
console.log = console.info = console.warn = console.debug = quiet;

// JSON has no word for these three.
const written = (key, value) =>
  typeof value === "number" && !Number.isFinite(value) ? `number ${value}` : value;

function replaceEnv(values) {
  for (const name of Object.keys(ENV)) delete ENV[name];
  Object.assign(ENV, values);
}

async function answer(ParseSpec, question) {
  replaceEnv(question.env);
  process.chdir(path.dirname(question.file));
  try {
    const result = await new ParseSpec(question.file, { argv: question.argv, logger }).start();
    return { resources: result.yaml.content.resources ?? {} };
  } catch (error) {
    return { error: String(error.message ?? error) };
  }
}

async function main() {
  const questions = JSON.parse(fs.readFileSync(0, "utf8"));
  const home = path.resolve(process.argv[2]);
  const { default: ParseSpec } = require(
    require.resolve("@serverless-devs/parse-spec", { paths: [home] }),
  );
  const answers = [];
  for (const question of questions) answers.push(await answer(ParseSpec, question));
  process.stdout.write(JSON.stringify(answers, written));
}

main();
