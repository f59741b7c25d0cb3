import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import ts from 'typescript';

const ROOT = resolve(import.meta.dirname, '../..');

/** Compiles a program and what it imports of ours, so that tests can run it as a process of its own. Gives its path. */
export function compileProgram(entry: string): string {
  const out = join(ROOT, '.cache/programs');
  const open = [resolve(ROOT, entry)];
  const seen = new Set(open);
  for (let source = open.pop(); source !== undefined; source = open.pop()) {
    const text = readFileSync(source, 'utf8');
    const target = join(out, relative(ROOT, source)).replace(/\.ts$/, '.js');
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, transpile(text, source));
    for (const imported of importsOf(text)) {
      const path = resolve(dirname(source), imported).replace(/\.js$/, '.ts');
      if (seen.has(path) || !existsSync(path)) continue;
      seen.add(path);
      open.push(path);
    }
  }
  return join(out, entry).replace(/\.ts$/, '.js');
}

function transpile(text: string, fileName: string): string {
  return ts.transpileModule(text, {
    fileName,
    compilerOptions: {
      module: ts.ModuleKind.ES2022,
      target: ts.ScriptTarget.ES2023,
      experimentalDecorators: true,
      emitDecoratorMetadata: true,
      useDefineForClassFields: false,
      inlineSourceMap: true,
    },
  }).outputText;
}

function importsOf(text: string): string[] {
  return Array.from(text.matchAll(/(?:from|import) '(\.[^']+)'/g), (match) => match[1] ?? '');
}
