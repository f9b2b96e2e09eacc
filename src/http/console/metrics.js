// The service's metrics, as Prometheus reads them: lines of a name, labels and a number.

const LINE = /^([a-z_]+)(?:\{([^}]*)\})? (\S+)$/;
const LABEL = /([a-z_]+)="((?:[^"\\]|\\.)*)"/g;

/** Every sample of the text, as its name, labels and value. */
const parse = (text) =>
  text.split("\n").map((line) => LINE.exec(line)).filter(Boolean).map(([, name, labels = "", value]) =>
    ({ name, labels: Object.fromEntries([...labels.matchAll(LABEL)].map(([, key, said]) => [key, said])), value: Number(value) }));

/** Looks things up in a text of metrics. */
export const metricsOf = (text) => {
  const samples = parse(text);
  return {
    /** The samples of a name. */
    all: (name) => samples.filter((sample) => sample.name === name),
    /** The value of a name that has one; undefined where there is none. */
    value: (name) => samples.find((sample) => sample.name === name)?.value,
    label: (name, key) => samples.find((sample) => sample.name === name)?.labels[key],
  };
};
