// Which lines were added and taken away between two texts.

export type Line = { mark: "+" | "-" | " "; text: string };

/** Lines that stand before and after a change, for orientation. */
const AROUND = 3;

/** The lines that differ, in order, with a few around them. By the longest common sequence of lines. */
export function lineDiff(before: string, after: string): Line[] {
  const [left, right] = [before.split("\n"), after.split("\n")];
  let start = 0;
  while (start < left.length && start < right.length && left[start] === right[start]) start++;
  let end = 0;
  while (
    end < left.length - start &&
    end < right.length - start &&
    left[left.length - 1 - end] === right[right.length - 1 - end]
  )
    end++;
  const same = (text: string): Line => ({ mark: " ", text });
  return [
    ...left.slice(Math.max(0, start - AROUND), start).map(same),
    ...middle(left.slice(start, left.length - end), right.slice(start, right.length - end)),
    ...left.slice(left.length - end, left.length - end + AROUND).map(same),
  ];
}

function middle(left: string[], right: string[]): Line[] {
  // Beyond this a table of all pairs costs too much; then everything went and came.
  if (left.length * right.length > 1_000_000)
    return [
      ...left.map((text): Line => ({ mark: "-", text })),
      ...right.map((text): Line => ({ mark: "+", text })),
    ];
  const width = right.length + 1;
  const longest = new Uint32Array((left.length + 1) * width);
  const at = (row: number, column: number) => longest[row * width + column] ?? 0;
  for (let row = left.length - 1; row >= 0; row--)
    for (let column = right.length - 1; column >= 0; column--)
      longest[row * width + column] =
        left[row] === right[column]
          ? at(row + 1, column + 1) + 1
          : Math.max(at(row + 1, column), at(row, column + 1));
  const lines: Line[] = [];
  let [row, column] = [0, 0];
  while (row < left.length || column < right.length) {
    const [old, fresh] = [left[row], right[column]];
    if (old !== undefined && old === fresh) {
      lines.push({ mark: " ", text: old });
      row++;
      column++;
    } else if (fresh === undefined || (old !== undefined && at(row + 1, column) >= at(row, column + 1))) {
      lines.push({ mark: "-", text: old ?? "" });
      row++;
    } else {
      lines.push({ mark: "+", text: fresh });
      column++;
    }
  }
  return lines;
}
