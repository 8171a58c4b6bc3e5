// Tests the outlines and names of samples in scripting languages and settings.
import { describeSamples, type Sample } from "./samples.ts";

const SAMPLES: Sample[] = [
  {
    name: "PHP",
    path: "src/Store.php",
    code: String.raw`<?php
// Stores things.
namespace Shop\Storage;

use Shop\Money\Price;
use Shop\Tax\{Rate, Rule};
require_once __DIR__ . '/legacy/functions.php';
include 'config.php';

/**
 * Keeps items.
 */
#[Service]
final class Store extends Base implements Sized, Closeable
{
    use Loggable;
    const MAX = 10;
    private array $items = [];

    public function __construct(private Clock $clock, int $size = 3) { parent::__construct($size); }

    /** Adds one. */
    public static function add(Item $item, ?Rate $rate = null, Rule|Price ...$more): Price
    {
        foreach ($more as $each) { $each->apply($item); } // all
        $shelf = new Shelf(self::MAX);
        return Price::of(weigh($shelf->room()), State::Open);
    }
}

interface Sized { public function size(): int; }
trait Loggable { protected function log(string $line): void {} }
enum State: string { case Open = 'open'; case Paid = 'paid'; }

function helper(array &$list, callable $do): \Generator
{
    yield from array_map(fn ($x) => $do($x), $list);
}
`,
    outline: String.raw`
// Stores things.
namespace Shop\Storage
// Keeps items.
#[Service] final class Store extends Base implements Sized, Closeable
  use Loggable
  const MAX = 10
  private array $items = []
  public function __construct(private Clock $clock, int $size = 3)
  // Adds one.
  public static function add(Item $item, ?Rate $rate = null, Rule|Price ...$more): Price
interface Sized
  public function size(): int
trait Loggable
  protected function log(string $line): void
enum State: string
  case Open = 'open'
  case Paid = 'paid'
function helper(array &$list, callable $do): \Generator
`,
    definitions: "Loggable MAX Open Paid Sized State Store __construct add helper items log size",
    references: "Service Base Closeable Clock Item Rate Rule Price Shelf weigh Generator array_map apply of room",
    imports: ["Shop\\Money\\Price", "Shop\\Tax", "/legacy/functions.php", "config.php"],
  },
  {
    name: "PowerShell",
    path: "src/Store.ps1",
    code: `# Stores things.
using module ./Money.psm1
Import-Module Shop.Tax
. ./helpers.ps1

<# Adds one. #>
function Add-Item {
    param([string]$Name, [Price]$Price = 0)
    $total = Get-Total -Of $Name
    Write-Log "added $total"
}

class Store : Base {
    [string]$Name
    static [int]$Max = 10
    Store([string]$name) { $this.Name = $name }
    [Price] Total([Item[]]$items) {
        return [Price]::Sum($items)
    }
}

enum State { Open; Paid }
`,
    outline: `
# Stores things.
# Adds one.
function Add-Item { param([string]$Name, [Price]$Price = 0)
class Store : Base
  [string]$Name
  static [int]$Max = 10
  Store([string]$name)
  [Price] Total([Item[]]$items)
enum State { Open; Paid }
`,
    definitions: "Add-Item Max Name Open Paid State Store Total",
    references: "using Import-Module ./helpers.ps1 string Price Get-Total Write-Log Base int Item",
    imports: ["./Money.psm1", "Shop.Tax", "./helpers.ps1"],
  },
  {
    name: "INI",
    path: "src/app.ini",
    code: `; Settings of the app.
name = shop

[server]
; Where it listens.
port = 80
host = localhost

[store "main"]
size = 10
`,
    outline: `
; Settings of the app.
[server]
[store "main"]
`,
    definitions: "",
    references: "",
    imports: [],
  },
  {
    name: "Bash",
    path: "src/build.sh",
    code: `#!/usr/bin/env bash
# Builds everything.
set -euo pipefail
source "$(dirname "$0")/lib/log.sh"
. ./versions.sh

export TARGET="release"
readonly ROOT=$(pwd)
VERSION=1.2
temp=/tmp/x

# Compiles one part.
compile() {
  local part=$1
  for file in "$part"/*.c; do
    run_compiler "$file" -o "$OUT_DIR"
  done
  log_info "done: $part"
}

function clean {
  rm -rf "$OUT_DIR"
}

compile core && clean
`,
    outline: `
# Builds everything.
export TARGET="release"
readonly ROOT=$(pwd)
VERSION=1.2
# Compiles one part.
compile()
function clean
`,
    definitions: "ROOT TARGET VERSION clean compile",
    references: "set source . pwd run_compiler OUT_DIR log_info rm",
    imports: ['$(dirname "$0")/lib/log.sh', "./versions.sh"],
  },
  {
    name: "Python",
    path: "src/store.py",
    code: `#!/usr/bin/env python
"""Stores things. In memory."""
from __future__ import annotations
import os.path
import numpy as np, sys
from .money import Price, Rate as R
from ..shop import basket

MAX_ITEMS: int = 10
__all__ = ["Store"]
first, second = pair()

@dataclass(frozen=True)
class Store(Base, metaclass=Meta):
    """Keeps items.

    For long.
    """

    name: str = "store"  # for people
    __slots__ = ("items",)

    def __init__(self, size: int = 3, *args: Item, clock=None, **more) -> None:
        self.size = size + OFFSET

    @property
    def total(self) -> Price:
        # Adds up.
        return sum((item.price for item in self.items), start=Price(0))

    @staticmethod
    async def load(path, /, *, strict=True) -> "Store":
        with open(path) as file:
            data = [parse(line) for line in file if (n := len(line))]
        try:
            return Store(**data)
        except StoreError as error:
            raise Failure(os.path.join(path)) from error

# Makes one.
def make[T](kind: type[T]) -> T:
    def inner(x):
        return kind(x, R, np.array(sys.argv))
    return (lambda y: inner(y))(basket)

if TYPE_CHECKING:
    def checked(a: Checked): ...
`,
    outline: `
# Stores things.
MAX_ITEMS: int = 10
__all__ = ["Store"]
first, second = pair()
# Keeps items.
@dataclass(frozen=True) class Store(Base, metaclass=Meta)
  name: str = "store"
  __slots__ = ("items")
  def __init__(self, size: int = 3, *args: Item, clock=None, **more) -> None
  @property def total(self) -> Price
  @staticmethod async def load(path, /, *, strict=True) -> "Store"
# Makes one.
def make[T](kind: type[T]) -> T
def checked(a: Checked)
`,
    definitions: "MAX_ITEMS Store __all__ __init__ __slots__ checked first load make name second total",
    references: `
      np Price Rate R basket int pair dataclass Base Meta str Item OFFSET property sum price items
      staticmethod open parse len StoreError Failure os join type array sys argv TYPE_CHECKING Checked
      size path`,
    imports: ["os.path", "numpy", "sys", ".money", "..shop"],
  },
  {
    name: "Ruby",
    path: "src/store.rb",
    code: `# frozen_string_literal: true
# Stores things.
require "json"
require_relative "../money/price"

module Shop
  # Keeps items.
  class Store < Base
    include Enumerable
    attr_reader :name, :size
    MAX = 10

    def initialize(name, size = 3, *rest, clock: Clock.now, **more, &block)
      @name = name
      total = rest.map { |item| item.price(more) }.sum
      block.call(total)
    end

    # Adds one.
    def add(item)
      items.each do |known, index|
        raise DuplicateError if known == item
      end
      audit(item)
    end

    def self.load(path) = JSON.parse(File.read(path))

    def empty?
      size.zero?
    end

    class << self
      def build; new; end
    end
  end
end

def helper(x)
  Shop::Store.new(x)
end
`,
    outline: `
# Stores things.
module Shop
  # Keeps items.
  class Store < Base
    include Enumerable
    attr_reader :name, :size
    MAX = 10
    def initialize(name, size = 3, *rest, clock: Clock.now, **more, &block)
    # Adds one.
    def add(item)
    def self.load(path)
    def empty?
    class << self
      def build
def helper(x)
`,
    definitions: "MAX Shop Store add build empty? helper initialize load name size",
    references: `
      require require_relative Base include Enumerable attr_reader Clock now map price sum call items each
      raise DuplicateError audit JSON parse File read zero? new`,
    imports: ["json", "../money/price"],
  },
];

describeSamples("scripting languages and settings", SAMPLES);
