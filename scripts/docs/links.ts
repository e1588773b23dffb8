/** Checks the links of Markdown pages to files and headings of the repository. */
import { dirname, join } from "node:path/posix";

/** A page: path relative to the repository, and its text. */
export interface Page {
  readonly path: string;
  readonly text: string;
}

const LINK = /\]\(([^()\s]+)\)/g;
const HTML_LINK = /(?:src|href)="([^"]+)"/g;
const FENCE = /^```[\s\S]*?^```/gm;
const HEADING = /^#+\s+(.+)$/gm;

/** One sentence for each link that leads nowhere; `paths` are all files of the repository. */
export function judgeLinks(pages: readonly Page[], paths: ReadonlySet<string>): string[] {
  const anchors = new Map(pages.map((page) => [page.path, anchorsOf(page.text)]));
  return pages.flatMap((page) =>
    linksOf(page.text)
      .filter((link) => !/^[a-z]+:/.test(link))
      .filter((link) => !leadsSomewhere(page.path, link, { anchors, paths }))
      .map((link) => `${page.path}: ${link} leads nowhere`),
  );
}

interface Targets {
  readonly anchors: ReadonlyMap<string, ReadonlySet<string>>;
  readonly paths: ReadonlySet<string>;
}

function leadsSomewhere(from: string, link: string, { anchors, paths }: Targets): boolean {
  const [file = "", anchor] = link.split("#");
  const path = file === "" ? from : join(dirname(from), file).replace(/\/$/, "");
  const isFolder = [...paths].some((known) => known.startsWith(`${path}/`));
  if (!paths.has(path) && !isFolder) return false;
  return anchor === undefined || (anchors.get(path)?.has(anchor) ?? false);
}

function linksOf(text: string): string[] {
  const prose = text.replace(FENCE, "");
  return [LINK, HTML_LINK].flatMap((pattern) =>
    [...prose.matchAll(pattern)].map((match) => match[1] ?? ""),
  );
}

/** Anchors as Markdown readers make them: lower case, spaces to hyphens, other signs dropped. */
function anchorsOf(text: string): Set<string> {
  const headings = [...text.replace(FENCE, "").matchAll(HEADING)].map((match) => match[1] ?? "");
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, "")
        .trim()
        .replace(/\s/g, "-"),
    ),
  );
}
