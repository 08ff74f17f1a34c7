// The words that scripts say, in the reader's language. The catalogue is a script of its own (web:words), there for
// every language but English. Write gettext("…") with a literal: tests/test_translations.py looks for it.

const catalogue = globalThis.django;

export const gettext = (text) => catalogue?.gettext(text) ?? text;

export const ngettext = (one, many, count) => catalogue?.ngettext(one, many, count) ?? (count === 1 ? one : many);

/** Fill in the places of a text: fill("{n} runs", { n: 3 }). */
export const fill = (text, values) => text.replace(/\{(\w+)\}/g, (place, name) => values[name] ?? place);
