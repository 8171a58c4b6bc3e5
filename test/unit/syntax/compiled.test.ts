// Tests the outlines and names of samples in C, C++, Go and Rust.
import { describeSamples, type Sample } from "./samples.ts";

const SAMPLES: Sample[] = [
  {
    name: "C",
    path: "src/list.c",
    code: `/* A list of numbers. */
#include <stdlib.h>
#include "list.h"

#define LIST_MIN 4

struct list {
	int *items;
	size_t count, room;
};
typedef int (*compare_fn)(const void *a, const void *b);
enum { ASC, DESC };

static int grow(struct list *list);
int list_debug = 0;

/** Makes a list. Never fails. */
struct list *list_new(allocator_t *from)
{
	struct list *made = from->alloc(sizeof *made);
	if (!made || grow(made) < 0)
		return NULL;
	return made;
}

static int
grow(struct list *list)
{
	int *more = realloc(list->items, list->room * LIST_MIN);
	return more ? 0 : fail(more);
}
`,
    outline: `
// A list of numbers.
#define LIST_MIN 4
struct list { int *items; size_t count, room; }
typedef int (*compare_fn)(const void *a, const void *b)
enum { ASC, DESC }
static int grow(struct list *list)
int list_debug = 0
// Makes a list.
struct list *list_new(allocator_t *from)
static int grow(struct list *list)
`,
    definitions: "ASC DESC LIST_MIN compare_fn count grow items list list_debug list_new room",
    references: "allocator_t realloc fail alloc",
    imports: ["stdlib.h", "list.h"],
  },
  {
    name: "Rust",
    path: "src/parser.rs",
    code: `//! Parses recipes.
#![allow(dead_code)]
use crate::lexer::{Lexer, Token as Word};
use std::collections::HashMap;
mod tree;

pub const MAX_DEPTH: usize = 24;
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// A recipe. With steps.
#[derive(Debug, Clone)]
pub struct Recipe<'a, T: Step> {
    pub name: &'a str,
    steps: Vec<T>, // in order
}

pub enum Problem { Empty, Unknown(String), At { line: usize } }

pub trait Visit<T> {
    type Output;
    fn visit(&mut self, step: &T) -> Self::Output;
    fn done(&self) -> bool { true }
}

impl<'a, T: Step> Visit<T> for Recipe<'a, T> {
    type Output = Outcome;
    fn visit(&mut self, step: &T) -> Outcome {
        let (first, rest) = split(step);
        self.steps.iter().map(|each| each.cook(first)).sum::<u32>();
        match rest { Some(x) => Outcome::of(x), None => Outcome::Nothing }
    }
}

/// Reads one.
pub async fn parse<R>(input: R, limit: Option<usize>) -> Result<Recipe<'static, Plain>, Problem>
where
    R: Read,
{
    let mut lexer = Lexer::new(input);
    while let Some(token) = lexer.next() { tree::push(token)?; }
    Err(Problem::Empty)
}

macro_rules! step { ($name:expr) => { Plain::new($name) }; }
mod tests {
    use super::*;
    fn works() { assert!(true); }
}
`,
    outline: `
// Parses recipes.
mod tree
pub const MAX_DEPTH: usize = 24
static COUNT: AtomicUsize = AtomicUsize::new(0)
// A recipe.
pub struct Recipe<'a, T: Step> { pub name: &'a str, steps: Vec<T>, }
pub enum Problem { Empty, Unknown(String), At { line: usize } }
pub trait Visit<T>
  type Output
  fn visit(&mut self, step: &T) -> Self::Output
  fn done(&self) -> bool
impl<'a, T: Step> Visit<T> for Recipe<'a, T>
  type Output = Outcome
  fn visit(&mut self, step: &T) -> Outcome
// Reads one.
pub async fn parse<R>(input: R, limit: Option<usize>) -> Result<Recipe<'static, Plain>, Problem> where R: Read
macro_rules! step { ($name:expr) => { Plain::new($name) }; }
mod tests
  fn works()
`,
    definitions: `
      At COUNT Empty MAX_DEPTH Output Problem Recipe Unknown Visit done line name parse step steps tests
      visit works`,
    references: `
      allow dead_code tree AtomicUsize new derive Debug Clone Step Vec String Self Outcome split Some x of
      None Nothing Option Result Plain Read Lexer token push Err assert iter map cook sum next`,
    imports: ["crate::lexer::{Lexer, Token as Word}", "std::collections::HashMap", "tree", "super::*"],
  },
  {
    name: "Go",
    path: "src/server.go",
    code: `// Package server answers requests.
package server

import (
	"context"
	store "example.com/shop/store"
	. "example.com/shop/money"
)

const (
	MaxItems = 10
	minItems = 1
)

var ErrClosed = errors.New("closed")

// Server serves. It has a name.
type Server[T Item] struct {
	Name string // for people
	items map[string]T
	store.Base
}

type Handler interface {
	Serve(ctx context.Context, r *Request) (Reply, error)
	Close() error
}

type ID = int64

// NewServer makes one.
func NewServer[T Item](name string, more ...Option) *Server[T] {
	s := &Server[T]{Name: name}
	for _, option := range more {
		option(s)
	}
	return s
}

func (s *Server[T]) Add(ctx context.Context, item T) (count int, err error) {
	if old, ok := s.items[item.Key()]; ok {
		return 0, fmt.Errorf("twice: %v", old)
	}
	go func(done chan<- bool) { done <- audit(item) }(s.done)
	return len(s.items), nil
}
`,
    outline: `
// Package server answers requests.
const (MaxItems = 10; minItems = 1)
var ErrClosed = errors.New("closed")
// Server serves.
type Server[T Item] struct { Name string; items map[string]T; store.Base }
type Handler interface { Serve(ctx context.Context, r *Request) (Reply, error); Close() error }
type ID = int64
// NewServer makes one.
func NewServer[T Item](name string, more ...Option) *Server[T]
func (s *Server[T]) Add(ctx context.Context, item T) (count int, err error)
`,
    definitions: "Add Close ErrClosed Handler ID MaxItems Name NewServer Serve Server items minItems",
    references: `
      errors Item string Base Context Request Reply error int64 Option int fmt bool audit len New Key
      Errorf done`,
    imports: ["context", "example.com/shop/store", "example.com/shop/money"],
  },
  {
    name: "C++",
    path: "src/stack.cpp",
    code: `// A stack of things.
#include <vector>
#include "base/item.h"
#ifndef STACK_H
#define STACK_H
#define STACK_MAX 10
#define SWAP(a, b) do { auto t = a; a = b; b = t; } while (0)

namespace shop::core {

class Item;
/// Keeps items.
template <typename T, int N = 3>
class Stack final : public Base<T>, private Counter {
public:
  explicit Stack(int n) : size_(n), Base<T>(n) { reserve(n); }
  virtual ~Stack() = default;
  T pop() const { return items[count - 1]; } // last
  bool operator==(const Stack& other) const;
private:
  int size_ = 0;
  std::vector<T> items;
};

enum class Mode : int { Fast, Slow };
union Value { int number; float real; };
struct Point { int x, y; };
using Names = std::vector<std::string>;
typedef struct Node Node;
template <typename T> concept Sized = requires(T t) { t.size(); };

int Stack<int>::total(const Item& item, Weight* weight) {
  auto sum = 0;
  for (auto& each : item.parts()) sum += weigh(each, *weight);
  return [&](int extra) { return sum + extra + LIMIT; }(1);
}

extern "C" { int c_entry(Options *options); }
static const char *const kName = "stack";
}
#endif
`,
    outline: `
// A stack of things.
#define STACK_H
#define STACK_MAX 10
#define SWAP(a, b) do { auto t = a; a = b; b = t; } while (0)
namespace shop::core
  class Item
  // Keeps items.
  template <typename T, int N = 3> class Stack final : public Base<T>, private Counter
    public
    explicit Stack(int n)
    virtual ~Stack() = default
    T pop() const
    bool operator==(const Stack& other) const
    private
    int size_ = 0
    std::vector<T> items
  enum class Mode : int { Fast, Slow }
  union Value { int number; float real; }
  struct Point { int x, y; }
  using Names = std::vector<std::string>
  typedef struct Node Node
  template <typename T> concept Sized = requires(T t) { t.size(); }
  int Stack<int>::total(const Item& item, Weight* weight)
  extern "C"
    int c_entry(Options *options)
  static const char *const kName = "stack"
`,
    definitions: `
      Fast Mode Names Node Point STACK_H STACK_MAX SWAP Sized Slow Stack Value c_entry items kName number
      pop real size_ total x y`,
    references: "Item Base Counter reserve count vector string Weight weigh LIMIT Options size parts",
    imports: ["vector", "base/item.h"],
  },
];

describeSamples("C, C++, Go and Rust", SAMPLES);
