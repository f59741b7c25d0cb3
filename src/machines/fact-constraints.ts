/** A fact that a machine must show: `facts.load10<0.25`. */
export interface FactConstraint {
  name: string;
  operator: '<' | '<=' | '=' | '!=' | '>=' | '>';
  value: string;
}

/** Facts by the names that a constraint gives them: `facts.cpu.cores`. */
export type FlatFacts = Readonly<Record<string, string | number | boolean | null>>;

/** Why facts do not fit `facts.<name><op><value>`, in words. What is not known does not fit. */
export function factMisfits(facts: FlatFacts, wanted: readonly FactConstraint[]): string[] {
  return wanted.flatMap((each) => {
    const found = Object.hasOwn(facts, each.name) ? (facts[each.name] ?? null) : null;
    if (found === null) return [`facts.${each.name} is not known`];
    return holds(found, each) ? [] : [`facts.${each.name} is ${String(found)}, not ${each.operator}${each.value}`];
  });
}

/** Numbers are compared as numbers where both sides are, and as text otherwise. */
function holds(found: string | number | boolean, { operator, value }: FactConstraint): boolean {
  const [left, right] = [Number(found), Number(value)];
  const numeric = value.trim() !== '' && !Number.isNaN(left) && !Number.isNaN(right) && typeof found !== 'boolean';
  const text = String(found);
  const order = numeric ? Math.sign(left - right) : text < value ? -1 : text > value ? 1 : 0;
  switch (operator) {
    case '=':
      return order === 0;
    case '!=':
      return order !== 0;
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
  }
}

/** Nested facts by dotted names; of lists only how many there are. */
export function flattenFacts(value: unknown, prefix = ''): Record<string, string | number | boolean | null> {
  if (Array.isArray(value)) return { [prefix]: value.length };
  if (typeof value !== 'object' || value === null) {
    return isScalar(value) && prefix !== '' ? { [prefix]: value } : {};
  }
  return Object.assign(
    {},
    ...Object.entries(value).map(([key, inner]) => flattenFacts(inner, prefix === '' ? key : `${prefix}.${key}`)),
  ) as Record<string, string | number | boolean | null>;
}

function isScalar(value: unknown): value is string | number | boolean | null {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}
