const BLOCK_BYTES = 512;

/**
 * A ustar archive (POSIX.1-2017, pax, "ustar Interchange Format") of files with short names; mode 0600, no owner.
 */
export function tarOf(files: readonly { name: string; content: Buffer | string }[]): Buffer {
  const parts = files.flatMap(({ name, content }) => {
    const bytes = Buffer.from(content);
    return [headerOf(name, bytes.length), bytes, Buffer.alloc(paddingOf(bytes.length))];
  });
  // Two empty blocks end it.
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK_BYTES)]);
}

const paddingOf = (length: number) => (BLOCK_BYTES - (length % BLOCK_BYTES)) % BLOCK_BYTES;

function headerOf(name: string, length: number): Buffer {
  const header = Buffer.alloc(BLOCK_BYTES);
  if (Buffer.byteLength(name) > 99) throw new RangeError(`a name of at most 99 bytes: ${name}`);
  header.write(name, 0); // name, 100 bytes
  header.write('0000600\0', 100); // mode
  header.write('0000000\0', 108); // uid
  header.write('0000000\0', 116); // gid
  header.write(`${length.toString(8).padStart(11, '0')}\0`, 124); // size
  header.write('00000000000\0', 136); // mtime
  header.write('        ', 148); // checksum, as spaces while it is counted
  header.write('0', 156); // type: regular file
  header.write('ustar\x0000', 257); // magic and version
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}
