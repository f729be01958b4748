/** A reporter of node's test runner: the files in which a test failed, one a line. */
export default async function* failedFiles(events) {
  const seen = new Set();
  for await (const { type, data } of events)
    if (
      type === 'test:fail' &&
      data.todo === undefined &&
      data.file !== undefined &&
      !seen.has(data.file)
    ) {
      seen.add(data.file);
      yield `${data.file}\n`;
    }
}
