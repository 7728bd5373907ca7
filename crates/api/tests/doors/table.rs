//! Tables of cases: a line each, fields parted by tabs, `#` before what is said about them.

/// The fields of each line, their escapes undone.
pub(crate) fn rows(table: &str) -> Vec<Vec<String>> {
    let is_row = |line: &&str| !line.is_empty() && !line.starts_with('#');
    table.lines().filter(is_row).map(|line| line.split('\t').map(unescape).collect()).collect()
}

/// A field of a row; one that is left out is empty.
pub(crate) fn field(row: &[String], position: usize) -> &str {
    row.get(position).map_or("", String::as_str)
}

/// Undoes `\t`, `\n`, `\r`, `\\` and `\u{…}`.
fn unescape(field: &str) -> String {
    let mut text = String::new();
    let mut rest = field.chars();
    while let Some(character) = rest.next() {
        if character != '\\' {
            text.push(character);
            continue;
        }
        text.push(match rest.next() {
            Some('t') => '\t',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('\\') => '\\',
            Some('u') => {
                let digits: String = rest.by_ref().skip(1).take_while(|digit| *digit != '}').collect();
                let number = u32::from_str_radix(&digits, 16).expect("hexadecimal digits");
                char::from_u32(number).expect("a character's number")
            }
            other => panic!("no such escape: {other:?}"),
        });
    }
    text
}
