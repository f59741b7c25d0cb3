export type OptionType = 'string' | 'int' | 'float' | 'boolean';
export type OptionValue = string | number | boolean;

export interface RoleOption {
  type: OptionType;
  /** Null: the script is given an empty value. */
  default: OptionValue | null;
  description: string;
  /** Empty: any value of the type. */
  choices: string[];
  /** The bundle's own setting that goes before the default. */
  from: string | null;
  /** Shown by no diff and in no title, and left out of an exported bundle. */
  secret: boolean;
}

/** The value of an option as its type has it, or null where it cannot be. `written` is what stands in the file. */
export function readOption(option: RoleOption, value: unknown, written: string | null): OptionValue | null {
  const read = readTyped(option.type, value, written);
  if (read === null || option.choices.length === 0 || option.choices.includes(String(read))) return read;
  return null;
}

/** What an option takes, in words. */
export function expectedOption(option: RoleOption): string {
  if (option.choices.length > 0) return `one of ${option.choices.join(', ')}`;
  return { string: 'text', int: 'a whole number', float: 'a number', boolean: 'true or false' }[option.type];
}

function readTyped(type: OptionType, value: unknown, written: string | null): OptionValue | null {
  switch (type) {
    case 'string':
      return typeof value === 'string' ? value : written;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    case 'int':
      return typeof value === 'number' && Number.isSafeInteger(value) ? value : null;
    case 'float':
      return typeof value === 'number' && Number.isFinite(value) ? value : null;
  }
}
