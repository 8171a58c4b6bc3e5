// Tests which files an import means, in the ways in which each language writes it.
import assert from "node:assert/strict";
import { ImportResolver } from "../../../server/src/index/importResolver.ts";

/** Import as written, and the files that it means, separated by blanks; the importing file stands before. */
type Case = readonly [from: string, text: string, expected: string];

function check(paths: string, cases: readonly Case[]): void {
  const resolver = new ImportResolver(paths.trim().split(/\s+/));
  for (const [from, text, expected] of cases) {
    it(`${text} in ${from}`, () => assert.equal([...resolver.resolve(from, text)].join(" "), expected));
  }
}

describe("imports of scripts", () => {
  check(
    `src/api.ts src/api.md src/api.test.ts src/net/index.ts src/net/socket.ts src/net/socket.css index.ts
     other/socket.ts other/api.ts react.ts src/core/a.ts src/jquery.min.js src/jquery.js lib/x/button.ts web/x/button.ts`,
    [
      ["src/main.ts", "./api", "src/api.ts"],
      ["src/main.ts", "./api.ts", "src/api.ts"],
      ["src/main.ts", "./api.js", "src/api.ts"],
      ["src/main.ts", "./api.test", "src/api.test.ts"],
      ["src/main.ts", "./jquery.min", "src/jquery.min.js"],
      ["src/main.ts", "./net", "src/net/index.ts"],
      ["src/main.ts", "./net/", "src/net/index.ts"],
      ["src/main.ts", "./net/socket", "src/net/socket.ts"],
      ["src/main.ts", "./net/socket.css", "src/net/socket.css"],
      ["src/net/socket.ts", "../api", "src/api.ts"],
      ["src/net/socket.ts", ".", "src/net/index.ts"],
      ["src/api.ts", "..", "index.ts"],
      ["src/api.ts", "../../other/api", ""],
      ["src/api.ts", "./gone", ""],
      // A name alone is a library, unless it lies around the file.
      ["src/api.ts", "socket", ""],
      ["src/api.ts", "react", "react.ts"],
      ["src/api.ts", "@angular/core", ""],
      ["src/api.ts", "@/net/socket", "src/net/socket.ts"],
      // Of several, those that lie nearest.
      ["web/app.ts", "~/x/button", "web/x/button.ts"],
      ["app/app.ts", "~/x/button", "lib/x/button.ts web/x/button.ts"],
    ],
  );
});

describe("imports of Python", () => {
  check(
    `shop/__init__.py shop/money.py shop/tax/__init__.py shop/tax/rates.py shop/views/home.py tools/money.py
     shop/money.md conf/settings.py conf/urls.py`,
    [
      ["shop/orders.py", ".money", "shop/money.py"],
      ["shop/orders.py", ".", "shop/__init__.py"],
      ["shop/views/home.py", "..money", "shop/money.py"],
      ["shop/views/home.py", "..tax", "shop/tax/__init__.py"],
      ["shop/views/home.py", "...tools.money", "tools/money.py"],
      ["shop/views/home.py", ".....far", ""],
      ["tools/run.py", "shop.tax.rates", "shop/tax/rates.py"],
      ["tools/run.py", "shop.money.Price", "shop/money.py"],
      ["tools/run.py", "shop", "shop/__init__.py"],
      ["tools/run.py", "money", "tools/money.py"],
      ["shop/orders.py", "os.path", ""],
      ["conf/urls.py", "app.conf", "conf/settings.py conf/urls.py"],
    ],
  );
});

describe("imports of Rust", () => {
  check(
    `src/lib.rs src/lexer.rs src/a/mod.rs src/a/lexer.rs src/a/deep/leaf.rs src/a/deep.rs
     crates/shop-core/src/lib.rs crates/shop-core/src/money.rs crates/cli/src/main.rs crates/cli/src/lexer.rs`,
    [
      ["src/a/mod.rs", "crate::lexer::Lexer", "src/lexer.rs"],
      ["src/a/mod.rs", "crate::Problem", "src/lib.rs"],
      ["src/a/mod.rs", "self::lexer::Lexer", "src/a/lexer.rs"],
      ["src/a/mod.rs", "lexer", "src/a/lexer.rs"],
      ["src/a/deep.rs", "leaf", "src/a/deep/leaf.rs"],
      ["src/a/deep.rs", "super::lexer::*", "src/a/lexer.rs"],
      ["src/a/deep/leaf.rs", "super::super::lexer", "src/a/lexer.rs"],
      ["src/a/deep/leaf.rs", "super::super::super::lexer as old", "src/lexer.rs"],
      ["src/lexer.rs", "super::Problem", "src/lib.rs"],
      [
        "src/lib.rs",
        "crate::{lexer::{Lexer, Token as Word}, a::{self, deep::leaf}}",
        "src/lexer.rs src/a/mod.rs src/a/deep/leaf.rs",
      ],
      ["crates/cli/src/main.rs", "crate::lexer::Lexer", "crates/cli/src/lexer.rs"],
      ["crates/cli/src/main.rs", "shop_core::money::Price", "crates/shop-core/src/money.rs"],
      ["crates/cli/src/main.rs", "shop_core::Item", "crates/shop-core/src/lib.rs"],
      ["crates/cli/src/main.rs", "std::collections::HashMap", ""],
      // Cut at its longest length.
      ["src/lib.rs", "crate::lexer::{Lexer, Tok", "src/lexer.rs"],
    ],
  );
});

describe("imports of Java, C# and PHP", () => {
  check(
    `app/src/main/java/com/shop/Checks.java app/src/main/java/com/shop/tax/Rate.java
     app/src/main/java/com/shop/tax/Rule.java app/src/test/java/com/shop/Checks.java
     Shop/Money/Price.cs Shop/Money/Currency.cs src/Models/User.php src/Tax/Rate.php src/Tax/Rule.php
     legacy/functions.php`,
    [
      ["app/src/main/java/com/shop/Main.java", "com.shop.Checks", "app/src/main/java/com/shop/Checks.java"],
      ["app/src/test/java/com/shop/Test.java", "com.shop.Checks.require", "app/src/test/java/com/shop/Checks.java"],
      [
        "app/src/main/java/com/shop/Main.java",
        "com.shop.tax",
        "app/src/main/java/com/shop/tax/Rate.java app/src/main/java/com/shop/tax/Rule.java",
      ],
      ["app/src/main/java/com/shop/Main.java", "com.shop.tax.Missing", ""],
      ["app/src/main/java/com/shop/Main.java", "java.util.List", ""],
      ["Shop/Orders/Order.cs", "Shop.Money", "Shop/Money/Price.cs Shop/Money/Currency.cs"],
      ["Shop/Orders/Order.cs", "Company.Money", "Shop/Money/Price.cs Shop/Money/Currency.cs"],
      ["Shop/Orders/Order.cs", "System.Linq", ""],
      ["src/Http/Login.php", "App\\Models\\User", "src/Models/User.php"],
      ["src/Http/Login.php", "App\\Tax", "src/Tax/Rate.php src/Tax/Rule.php"],
      ["src/Http/Login.php", "/legacy/functions.php", "legacy/functions.php"],
    ],
  );
});

describe("imports of Go, C, shell and CSS", () => {
  check(
    `main.go store/store.go store/disk.go internal/db/db.go src/list.h src/list.c lib/list.h include/base/item.h
     lib/log.sh build.sh theme/base.css net/http/fake.go stdio.md`,
    [
      ["main.go", "example.com/shop/store", "store/store.go store/disk.go"],
      ["store/disk.go", "example.com/shop/internal/db", "internal/db/db.go"],
      ["main.go", "fmt", ""],
      ["src/list.c", "list.h", "src/list.h"],
      ["src/main.c", "base/item.h", "include/base/item.h"],
      ["src/main.c", "stdio.h", ""],
      ["build.sh", '$(dirname "$0")/lib/log.sh', "lib/log.sh"],
      ["theme/main.css", "base.css", "theme/base.css"],
      ["theme/main.css", "", ""],
      ["theme/main.css", "///", ""],
    ],
  );
});

describe("imports of anything", () => {
  it("mean none of very many files that end alike, nor a folder with very many", () => {
    const alike = Array.from({ length: 60 }, (_, index) => `p${index}/shop/money.py`);
    const package60 = Array.from({ length: 60 }, (_, index) => `db/f${index}.go`);
    const resolver = new ImportResolver([...alike, ...package60]);
    assert.deepEqual(resolver.resolve("run.py", "shop.money"), []);
    assert.deepEqual(resolver.resolve("main.go", "example.com/db"), []);
    // An exact place is still one.
    assert.deepEqual(resolver.resolve("p7/shop/tax.py", ".money"), ["p7/shop/money.py"]);
  });

  it("take names that objects have, and texts of any form", () => {
    const resolver = new ImportResolver(["constructor.ts", "a/__proto__.py"]);
    assert.deepEqual(resolver.resolve("b.ts", "./constructor"), ["constructor.ts"]);
    assert.deepEqual(resolver.resolve("b.ts", "toString"), []);
    for (const text of ["::", "{", "}{", "a{b,c}}", "..::..", "\\\\", "$", "crate", "super::super", "*", ".…", " "]) {
      for (const from of ["a.rs", "a.ts", "a.py", "x/a.go"]) assert.deepEqual(resolver.resolve(from, text), []);
    }
  });
});
