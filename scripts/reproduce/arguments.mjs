/** The few options that `npm run reproduce` has to know of. */

/** The value of `--name VALUE` or `--name=VALUE`; undefined when the option is not given. */
export function optionValue(args, name) {
  const at = args.findIndex(arg => arg === name || arg.startsWith(`${name}=`));
  if (at === -1) return undefined;
  return args[at] === name ? (args[at + 1] ?? '') : args[at].slice(name.length + 1);
}

const options = [
  'json',
  'quiet',
  'out',
  'scenario',
  'from',
  'to',
  'target',
  'protocol',
  'attempts',
  'retransmits',
  'kernel',
  'modules',
];

/**
 * Without `--`, npm takes options for its own: `npm run reproduce --json` gives us nothing but the setting
 * npm_config_json, and `--scenario NAME` leaves a stray NAME. Returns the options that seem lost so.
 */
export function swallowedOptions(args, environment) {
  return options
    .filter(
      name => environment[`npm_config_${name}`] && optionValue(args, `--${name}`) === undefined,
    )
    .map(name => `--${name}`);
}

export function hintAtSwallowedOptions(args, environment) {
  const lost = swallowedOptions(args, environment);
  if (lost.length === 0) return;
  const example = 'npm run -s reproduce -- --json';
  process.stderr.write(
    `hint: npm kept ${lost.join(' ')} for itself; put options behind "--", as in: ${example}\n`,
  );
}
