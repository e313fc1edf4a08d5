// How raters agree: of each two, how often one gave a verdict where the other gave another.

// Verdicts of two raters on the cases that both have rated and that this rater may compare.
function bothRated(first, second) {
  const pairs = rows.filter(isRateable).map((row) => {
    const given = new Map(seen(row).map((rating) => [rating.rater, rating.verdict]));
    return [given.get(first), given.get(second)];
  });
  return pairs.filter(([one, other]) => one !== undefined && other !== undefined);
}

// Kappa: what raters agree beyond what their shares of verdicts give by chance.
function kappaOf(pairs) {
  const share = (test) => pairs.filter(test).length / pairs.length;
  const observed = share(([one, other]) => one === other);
  const expected = verdicts
    .map((verdict) => share(([one]) => one === verdict) * share(([, other]) => other === verdict))
    .reduce((sum, part) => sum + part, 0);
  return expected < 1 ? (observed - expected) / (1 - expected) : null;
}

function agreementTable(first, second, pairs) {
  const made = document.createElement("table");
  const agreed = pairs.filter(([one, other]) => one === other).length;
  const kappa = kappaOf(pairs);
  const beyond = kappa === null ? "kappa undefined: both gave one verdict only" : `kappa ${kappa.toFixed(2)}`;
  made.createCaption().textContent = `${first} and ${second} agree on ${agreed} of ${pairs.length}, ${beyond}`;
  const head = made.createTHead().insertRow();
  head.append(heading(`${first} \\ ${second}`, "col"), ...verdicts.map((verdict) => heading(words(verdict), "col")));
  const body = made.createTBody();
  for (const verdict of verdicts) {
    const row = body.insertRow();
    row.append(heading(words(verdict), "row"));
    for (const against of verdicts) {
      const count = pairs.filter(([one, other]) => one === verdict && other === against).length;
      row.append(element("td", count || "", verdict === against ? "number same" : "number"));
    }
  }
  return made;
}

function heading(text, scope) {
  const made = element("th", text);
  made.scope = scope;
  return made;
}

function showAgreement() {
  const raters = [...new Set(rows.filter(isRateable).flatMap((row) => seen(row).map((r) => r.rater)))].sort();
  const tables = raters.flatMap((first, place) =>
    raters.slice(place + 1).map((second) => [first, second, bothRated(first, second)]))
    .filter(([, , pairs]) => pairs.length > 0)
    .map(([first, second, pairs]) => agreementTable(first, second, pairs));
  byId("raters").hidden = tables.length === 0;
  byId("raters-tables").replaceChildren(...tables);
}
