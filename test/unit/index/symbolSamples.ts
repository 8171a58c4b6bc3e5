// A short file in each language with the definitions that are found in it; data of symbols.test.ts.

export interface SymbolSample {
  name: string;
  path: string;
  /** Begins with a line end that is not part of the file. */
  code: string;
  /** `kind name first-last`, lines counted from 1; no last line where it is not known. */
  found: string;
}

export const SYMBOL_SAMPLES: SymbolSample[] = [
  {
    name: "TypeScript",
    path: "a.ts",
    code: `
import { x } from "./x.ts";

export const LIMIT = 3;
export async function read(file: string): Promise<void> {
  if (file) {
    return;
  }
}
export const double = (n: number) => n * 2;
export interface Shape {
  area(): number;
}
export type Name = string;
const enum Color { Red }
export abstract class Circle<T> implements Shape {
  #radius = 1;
  constructor(private readonly r: number) {
    super();
  }
  static async load(
    file: string,
  ): Promise<Circle> {
    return call(
      file,
    );
  }
  open(
    file: string,
  ): void {
    for (const a of b) {
    }
  }
  get area(): number {
    return 1;
  }
  delete(key: string): boolean {
    return while_(key);
  }
  onClick = (event: Event) => {
    work();
  };
}
declare namespace App.Core {
}
/*
function inComment() {
*/
describe("x", () => {
  it("y", function () {
  });
});
export default class Other {}
`,
    found: `
      constant LIMIT 3-3, function read 4-8, function double 9-9, interface Shape 10-12, type Name 13-13,
      enum Color 14-14, class Circle 15-42, method constructor 17-19, method load 20-26, method open 27-32,
      method area 33-35, method delete 36-38, method onClick 39-41, module App.Core 43-44, class Other 52-52`,
  },
  {
    name: "JavaScript",
    path: "a.jsx",
    code: `
export function Button({ label }) {
  const onClick = useCallback(() => {
    go();
  }, []);
  return <a/>;
}
module.exports = { Button };
var legacy = function (a, b) {
};
function* items() {
}
`,
    found: `
      function Button 1-6, function legacy 8-9, function items 10-11`,
  },
  {
    name: "Python",
    path: "a.py",
    code: `
"""Module.

def not_this(): in a text
"""
import os

MAX_SIZE = 10
lower = 3

class Parser(Base):
    """Doc."""

    size: int = 3

    def __init__(self, a,
                 b):
        self.a = a

    @property
    async def read(self) -> str:
        def inner():
            return 1
        return inner()


# a comment
def main():
    if MAX_SIZE == 3:
        pass

main()
`,
    found: `
      constant MAX_SIZE 7-7, class Parser 10-26, method __init__ 15-17, method read 20-26, function inner 21-22,
      function main 27-29`,
  },
  {
    name: "Java",
    path: "A.java",
    code: `
package a.b;
import java.util.Map;
/** Doc: class of things. */
@Service
public final class Store<T> extends Base implements Closeable {
    private static final int MAX_SIZE = 3;
    private Map<String, List<T>> items = new HashMap<>();
    public Store(int size) {
        super(size);
    }
    @Override
    public Map<String, List<T>> find(String key, int n) throws IOException {
        if (key == null) {
            throw new IllegalArgumentException(key);
        }
        return items.get(key);
    }
    abstract void close();
    private static <K> K pick(
            List<K> all) {
        return all.get(0);
    }
    enum Mode { A, B }
    record Point(int x, int y) {}
}
interface Shape {
    double area();
}
`,
    found: `
      class Store 5-25, constant MAX_SIZE 6-6, method Store 8-10, method find 12-17, method close 18-18,
      method pick 19-22, enum Mode 23-23, class Point 24-24, interface Shape 26-28, method area 27-27`,
  },
  {
    name: "C",
    path: "a.c",
    code: `
#include <stdio.h>
#define MAX_SIZE 10
#define SQUARE(x) ((x) * (x))
typedef unsigned int uint;
typedef int (*callback)(int);
struct node {
    struct node *next;
};
typedef struct {
    int a;
} point_t;
enum color { RED };
int add(int a, int b);
static inline struct node *find(struct node *list,
                                int value)
{
    for (int i = 0; i < 3; i++) {
        if (check(value)) {
            return list;
        }
    }
    return helper(list,
                  value);
}
int main(void) {
#ifdef X
    printf("x");
#endif
    return 0;
}
`,
    found: `
      macro MAX_SIZE 2-, macro SQUARE 3-, type uint 4-, type callback 5-, struct node 6-8, type point_t 11-,
      enum color 12-12, function find 14-24, function main 25-30`,
  },
  {
    name: "C++",
    path: "a.cpp",
    code: `
namespace app::core {

class Widget;
template <typename T>
class API_EXPORT Stack final : public Base<T> {
public:
    explicit Stack(int n) : size_(n) {}
    ~Stack();
    T pop() const {
        return items[0];
    }
private:
    int size_;
};

enum class Mode : int { A };
using Name = std::string;
struct Point {
    int x;
};

template <typename T>
T Stack<T>::top(int a) {
    return a;
}

Widget::Widget(int a)
    : a_(a)
{
    call(a);
}

std::vector<int> Widget::items(const std::string &name) const {
    return {};
}

bool operator_check(int a) {
    return a && check(a);
}
}
`,
    found: `
      module app::core 1-, class Stack 5-14, method Stack 7-7, method pop 9-11, enum Mode 16-16, type Name 17-,
      struct Point 18-20, method top 23-25, method Widget 27-31, method items 33-35,
      function operator_check 37-39`,
  },
  {
    name: "C#",
    path: "a.cs",
    code: `
using System;
namespace App.Core;
public sealed class Store<T> : IStore where T : class
{
    private readonly int size = 3;
    public int Count { get; private set; }
    public string Name => "x";
    public Store(int size)
    {
        this.size = size;
    }
    public async Task<Dictionary<string, T>> LoadAsync<K>(string key)
    {
        using (var a = Open(key))
        {
            lock (this) { }
        }
        await Task.Delay(1);
        return new Dictionary<string, T>();
    }
}
public interface IStore
{
    void Close();
}
public record Point(int X, int Y);
internal enum Mode { A, B }
public struct Pair
{
}
`,
    found: `
      module App.Core 2-, class Store 3-21, property Count 6-6, property Name 7-7, method Store 8-11,
      method LoadAsync 12-20, interface IStore 22-25, method Close 24-24, class Point 26-26, enum Mode 27-27,
      struct Pair 28-30`,
  },
  {
    name: "Go",
    path: "a.go",
    code: `
package main
const maxSize = 10
var (
	a = 1
)
type Server struct {
	name string
}
type Handler interface {
	Serve(w Writer) error
}
type ID int
func NewServer(name string) *Server {
	return &Server{name}
}
func (s *Server) Serve(w Writer) (int, error) {
	if err := s.check(); err != nil {
		return 0, err
	}
	return 1, nil
}
func Map[T, U any](list []T, f func(T) U) []U {
	return nil
}
`,
    found: `
      constant maxSize 2-2, struct Server 6-8, interface Handler 9-11, type ID 12-12, function NewServer 13-15,
      method Serve 16-21, function Map 22-24`,
  },
  {
    name: "Rust",
    path: "a.rs",
    code: `
pub const MAX: usize = 3;
static mut COUNT: i32 = 0;
#[derive(Debug)]
pub struct Parser<'a> {
    text: &'a str,
}
pub(crate) enum Token {
    Word(String),
}
pub trait Visit {
    fn visit(&self);
}
impl<'a> Visit for Parser<'a> {
    fn visit(&self) {
        if true {
        }
    }
}
pub async unsafe fn run<T>(
    a: T,
) -> Result<()>
where
    T: Send,
{
    Ok(())
}
type Name = String;
macro_rules! check {
    () => {};
}
mod tests {
    use super::*;
    #[test]
    fn works() {}
}
`,
    found: `
      constant MAX 1-1, constant COUNT 2-2, struct Parser 4-6, enum Token 7-9, trait Visit 10-12,
      method visit 11-11, method visit 14-17, function run 19-26, type Name 27-27, macro check 28-30,
      module tests 31-35, function works 34-34`,
  },
  {
    name: "Ruby",
    path: "a.rb",
    code: `
# class Comment
module App
  MAX_SIZE = 3
  class Store < Base
    def initialize(size)
      @size = size
    end
    def self.open(path)
      new(path) do |x|
        x
      end
    end
    def empty?
      @size == 0
    end
  end
end
def helper = 3
`,
    found: `
      module App 2-17, constant MAX_SIZE 3-3, class Store 4-16, method initialize 5-7, method open 8-12,
      method empty? 13-15, function helper 18-18`,
  },
  {
    name: "PHP",
    path: "a.php",
    code: `
<?php
namespace App;

interface Shape { public function area(): float; }
abstract class Store extends Base
{
    const MAX = 3;
    private static function open(string $path): self
    {
        return new self(function () use ($path) {
            return 1;
        });
    }
}
trait Logs {
}
enum Mode: string {
}
function helper(&$a) {
}
`,
    found: `
      interface Shape 4-4, class Store 5-14, constant MAX 7-7, method open 8-13, trait Logs 15-16,
      enum Mode 17-18, function helper 19-20`,
  },
  {
    name: "Kotlin",
    path: "a.kt",
    code: `
package a
const val MAX = 3
private val name = "x"
data class Point(val x: Int, val y: Int)
sealed interface Shape {
    fun area(): Double
}
enum class Mode { A, B }
object Registry {
    override suspend fun load(key: String): Int {
        return when (key) {
            "a" -> 1
            else -> 2
        }
    }
}
fun <T> List<T>.second(): T = this[1]
typealias Name = String
`,
    found: `
      constant MAX 2-2, constant name 3-3, class Point 4-4, interface Shape 5-7, method area 6-6, enum Mode 8-8,
      class Registry 9-16, method load 10-15, function second 17-17, type Name 18-18`,
  },
  {
    name: "Swift",
    path: "a.swift",
    code: `
import Foundation
public let maxSize = 3
public protocol Shape {
    func area() -> Double
}
final class Store: Base {
    private var size = 3
    override init() {
        super.init()
    }
    public static func open<T>(_ path: String) throws -> T {
        guard let a = load(path) else {
            return nil
        }
    }
}
extension Store {
    func close() {
    }
}
struct Point {
}
indirect enum Tree {
}
func helper() {}
actor Counter {
}
`,
    found: `
      constant maxSize 2-2, trait Shape 3-5, method area 4-4, class Store 6-16, method open 11-15,
      method close 18-19, struct Point 21-22, enum Tree 23-24, function helper 25-25, class Counter 26-27`,
  },
];
