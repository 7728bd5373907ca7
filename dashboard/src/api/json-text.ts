// JSON as text. Parsing and printing would change what stands there: large numbers, `1.0`, repeated names. So
// payloads and answers are cut out of, and indented as, the characters that came.

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/** The same JSON, indented by two; `null` where the text is no JSON object or array. */
export function indentJson(text: string): string | null {
  if (!/^\s*[{[]/.test(text) || !isJson(text)) return null;
  let out = '';
  let depth = 0;
  const newline = () => `\n${'  '.repeat(depth)}`;
  const tokens = text.match(TOKEN) ?? [];
  for (const [index, token] of tokens.entries()) {
    if (token === '{' || token === '[') {
      const isEmpty = tokens[index + 1] === '}' || tokens[index + 1] === ']';
      out += token;
      depth += 1;
      if (!isEmpty) out += newline();
    } else if (token === '}' || token === ']') {
      const wasEmpty = tokens[index - 1] === '{' || tokens[index - 1] === '[';
      depth -= 1;
      out += wasEmpty ? token : newline() + token;
    } else if (token === ',') {
      out += token + newline();
    } else {
      out += token === ':' ? ': ' : token;
    }
  }
  return out;
}

/** The characters of a member's value in the outermost object; `null` where there is no such member. */
export function memberText(text: string, name: string): string | null {
  let depth = 0;
  let start = -1;
  let previous = '';
  const wanted = JSON.stringify(name);
  for (const match of text.matchAll(TOKEN)) {
    const [token] = match;
    if (start < 0 && depth === 1 && token === ':' && previous === wanted) start = match.index + 1;
    const ends = depth === 1 && (token === ',' || token === '}');
    if (start >= 0 && ends) return text.slice(start, match.index).trim();
    if (token === '{' || token === '[') depth += 1;
    if (token === '}' || token === ']') depth -= 1;
    previous = token;
  }
  return null;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
