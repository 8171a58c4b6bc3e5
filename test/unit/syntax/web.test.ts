// Tests the outlines and names of samples in the languages of the web.
import { describeSamples, type Sample } from "./samples.ts";

const SAMPLES: Sample[] = [
  {
    name: "TSX",
    path: "src/Panel.tsx",
    code: `import React, { useState as useValue } from "react";
import { Button } from "./Button";

type Props = { title: string; onClose?: () => void };

/* The panel. */
export function Panel({ title, onClose, ...rest }: Props): JSX.Element {
  const [open, setOpen] = useValue(true);
  const toggle = () => setOpen(!open);
  return (
    <section className="panel" {...rest}>
      <Header.Title text={title} />
      {open && <Button onClick={toggle}>{format(title)}</Button>}
    </section>
  );
}

export const Memo = React.memo(Panel);

export default class Frame extends React.Component<Props> {
  state = { open: false };
  render() {
    return <Panel title={this.props.title} />;
  }
}
`,
    outline: `
type Props = { title: string; onClose?: () => void }
// The panel.
export function Panel({ title, onClose, ...rest }: Props): JSX.Element
export const Memo = React.memo(Panel)
export default class Frame extends React.Component<Props>
  state = { open: false }
  render()
`,
    definitions: "Frame Memo Panel Props onClose render state title",
    references: "React useState useValue Button JSX Element section Header format Title memo Component props",
    imports: ["react", "./Button"],
  },
  {
    name: "JavaScript",
    path: "src/legacy.js",
    code: `#!/usr/bin/env node
"use strict";
/**
 * Old server. With history.
 * @license MIT
 */
const fs = require("fs");
const { parse, stringify: write } = require("./parser");
import("./lazy.js").then((lazy) => lazy.start());

var port = 80;

/** Serves files. */
function Server(root, { cache = true } = {}) {
  this.root = root;
  const hidden = parse(root);
  function inner() { return hidden; }
}

Server.prototype.listen = function (port, done) {
  return net.createServer(inner => handle(inner)).listen(port, done);
};

class Cache extends Map {
  static limit = 10;
  #size = 0;
  handler = (key) => this.get(key);
  *entries() { yield* super.entries(); }
  async load(key) {
    try { return await fs.promises.readFile(key); } catch (error) { report(error); }
  }
}

function* numbers(from) { while (true) yield from++; }

exports.helper = function (text) { return write(text); };
module.exports = { Server, Cache, numbers, external };
`,
    outline: `
// Old server.
// Serves files.
function Server(root, { cache = true } = {})
Server.prototype.listen = function (port, done)
class Cache extends Map
  static limit = 10
  #size = 0
  handler = (key)
  *entries()
  async load(key)
function* numbers(from)
exports.helper = function (text)
module.exports
`,
    definitions: "Cache Server entries handler helper limit listen load numbers",
    references: `
      require net handle Map report exports module external parse stringify then start root prototype
      createServer get promises readFile`,
    imports: ["fs", "./parser", "./lazy.js"],
  },
  {
    name: "TypeScript",
    path: "src/shop.ts",
    code: `// Keeps the basket of a shop.
import type { Money, Rate } from "./money.ts";
import * as taxes from "../taxes/index.ts";
import { logger } from "logger";
export { round } from "./rounding.ts";

/** How many items fit. And more. */
export const MAX_ITEMS = 99;
const secret = 3;

/** A priced thing. */
export interface Priced<T extends Money> {
  readonly price: T;
  discount?(rate: Rate): T;
}

export type Line = { item: Item; count: number };
export enum State { Open, Paid = "paid" }

@sealed({ name: "basket" })
export abstract class Basket<T extends Money> extends Store implements Priced<T> {
  static #count = 0;
  price: T = zero();
  protected lines: Line[] = [];
  onChange = (line: Line): void => { logger.info(line); };

  constructor(private readonly shop: Shop) { super(shop.name); }

  /** Adds one. */
  @logged
  async add(item: Item, { count = 1 }: Options = {}): Promise<void> {
    const line = { item, count };
    for (const tax of taxes.of(item)) this.lines.push(tax.apply(line));
    await this.save(line);
  }

  abstract total(): T; // in cents
  get size(): number { return this.lines.length; }
}

export default function open<K>(key: K, ...rest: string[]): Basket<Euro> {
  function helper() { return createBasket(key); }
  return helper();
}

export const compare = async (a: Line, b: Line) => a.count - b.count;
declare function external(name: string): Remote;
namespace Inner { export const depth = limit; }
`,
    outline: `
// Keeps the basket of a shop.
export { round } from "./rounding.ts"
// How many items fit.
export const MAX_ITEMS = 99
// A priced thing.
export interface Priced<T extends Money> { readonly price: T; discount?(rate: Rate): T; }
export type Line = { item: Item; count: number }
export enum State { Open, Paid = "paid" }
@sealed({ name: "basket" }) export abstract class Basket<T extends Money> extends Store implements Priced<T>
  static #count = 0
  price: T = zero()
  protected lines: Line[] = []
  onChange = (line: Line): void
  constructor(private readonly shop: Shop)
  // Adds one.
  async add(item: Item, { count = 1 }: Options = {}): Promise<void>
  abstract total(): T
  get size(): number
export default function open<K>(key: K, ...rest: string[]): Basket<Euro>
export const compare = async (a: Line, b: Line)
declare function external(name: string): Remote
namespace Inner
  export const depth = limit
`,
    definitions: `
      Basket Inner Line MAX_ITEMS Open Paid Priced State add compare constructor count depth discount
      external item lines onChange open price size total`,
    references: `
      Money Rate taxes logger round Item sealed Store zero Shop logged Options Promise Euro createBasket
      Remote limit info name of push apply save length`,
    imports: ["./money.ts", "../taxes/index.ts", "logger", "./rounding.ts"],
  },
  {
    name: "CSS",
    path: "src/theme.css",
    code: `/* Colours and sizes. */
@import "base.css";
@import url("print.css");

:root { --accent: #36c; }

.button,
.button:hover > .icon {
  color: var(--accent);
}

#main .title::before { content: "x"; }

/* Small screens. */
@media (max-width: 600px) {
  .button { padding: 0; }
  .menu { display: none; }
}

@supports (display: grid) {
  .grid { display: grid; }
}

@keyframes fade {
  from { opacity: 0; }
  to { opacity: 1; }
}
`,
    outline: `
// Colours and sizes.
:root
.button, .button:hover > .icon
#main .title::before
// Small screens.
@media (max-width: 600px)
  .button
  .menu
@supports (display: grid)
  .grid
@keyframes fade
`,
    definitions: "button fade grid icon main menu title",
    references: "",
    imports: ["base.css", "print.css"],
  },
];

describeSamples("the languages of the web", SAMPLES);
