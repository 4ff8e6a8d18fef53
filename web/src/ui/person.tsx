// An e-mail address in a table: whole where there is room, cut with the rest in the title where there is none.
export function Person({ name }: { name: string }) {
  return (
    <span title={name} className="block text-muted max-sm:wrap-anywhere sm:max-w-52 sm:truncate">
      {name}
    </span>
  );
}
