// Tests the outlines and names of samples in Java and C#.
import { describeSamples, type Sample } from "./samples.ts";

const SAMPLES: Sample[] = [
  {
    name: "Java",
    path: "src/Orders.java",
    code: `/* Copyright 2020. */
package com.shop.orders;

import com.shop.money.Price;
import java.util.List;
import static com.shop.Checks.require;
import com.shop.tax.*;

/**
 * Takes orders.
 * @since 3
 */
@Service("orders")
public final class Orders<T extends Item> extends Base<T> implements Closeable, Sized {
  public static final int MAX = 10, MIN = 1;
  private final Map<String, List<T>> byName = new HashMap<>();

  public Orders(Store store) { this.store = store; }

  /** Adds an order. */
  @Override
  public synchronized <K> Price add(final K key, T... items) throws OrderException {
    int count = 0; // how many
    for (T item : items) { count += item.weight(); }
    try (Session session = open()) { session.save(key); } catch (IOException error) { log.warn(error); }
    return items.length > 0 ? Price.of(count) : null;
  }

  record Line(Item item, int count) implements Sized {
    Line { require(count > 0); }
    public int size() { return count; }
  }

  enum State { OPEN, PAID { boolean done() { return true; } }; abstract boolean done(); }

  interface Visitor<R> { R visit(Line line); default void end() {} }
}

@interface Marked { String value() default "x"; int order(); }
`,
    outline: `
// Takes orders.
@Service("orders") public final class Orders<T extends Item> extends Base<T> implements Closeable, Sized
  public static final int MAX = 10, MIN = 1
  private final Map<String, List<T>> byName = new HashMap<>()
  public Orders(Store store)
  // Adds an order.
  @Override public synchronized <K> Price add(final K key, T... items) throws OrderException
  record Line(Item item, int count) implements Sized
    public int size()
  enum State { OPEN, PAID { boolean done() { return true; } }; abstract boolean done(); }
  interface Visitor<R>
    R visit(Line line)
    default void end()
@interface Marked { String value() default "x"; int order(); }
`,
    definitions: "Line MAX MIN Marked OPEN Orders PAID State Visitor add byName done end order size value visit",
    references: `
      Service Item Base Closeable Sized Map String List HashMap Store Override Price OrderException weight
      Session open save IOException log warn length of require store`,
    imports: ["com.shop.money.Price", "java.util.List", "com.shop.Checks.require", "com.shop.tax"],
  },
  {
    name: "C# with a namespace for the file",
    path: "src/Scoped.cs",
    code: `namespace Shop.Tools;

using Shop.Money;

/// <summary>
/// Helps.
/// </summary>
public static class Tools
{
    // Rounds.
    public static Price Round(this Price price) => Rounding.Nearest(price);
}
`,
    outline: `
// Helps.
public static class Tools
  // Rounds.
  public static Price Round(this Price price)
`,
    definitions: "Round Tools",
    references: "Price Rounding Nearest",
    imports: ["Shop.Money"],
  },
  {
    name: "C#",
    path: "src/Store.cs",
    code: `// Stores things.
using System;
using Shop.Money;
using Tax = Shop.Taxes.Tax;
using static System.Math;

namespace Shop.Storage
{
    /// <summary>Keeps items by name.</summary>
    [Serializable]
    public sealed class Store<T> : Base<T>, IStore where T : Item, new()
    {
        private readonly Dictionary<string, T> items = new();
        public const int Max = 10;
        public event EventHandler<Change> Changed;

        public Store(Clock clock, int size = 3) : base(clock) { Size = size; }

        public int Size { get; private set; }
        public string Name => "store";
        public T this[string key] => items[key];

        // Adds one.
        [Logged]
        public async Task<Price> AddAsync<K>(K key, params T[] more) where K : notnull
        {
            var count = more.Length;
            foreach (var item in more) { Changed?.Invoke(this, item.Describe()); }
            if (Find(key) is Shelf shelf && TryGet(key, out var found)) return found.Price + Abs(count);
            try { return await Tax.Of(key); } catch (StoreException error) { Log.Warn(error); throw; }
        }

        public static Store<T> operator +(Store<T> a, T b) => a.With(b);
    }

    public interface IStore { int Size { get; } void Clear(); }
    public record Line(Item Item, int Count);
    public enum State { Open, Paid = 2 }
    public delegate void Handler<in T>(T value, Line line);
    internal struct Pair { public int A; }
}
`,
    outline: `
// Stores things.
namespace Shop.Storage
  // Keeps items by name.
  [Serializable] public sealed class Store<T> : Base<T>, IStore where T : Item, new()
    private readonly Dictionary<string, T> items = new()
    public const int Max = 10
    public event EventHandler<Change> Changed
    public Store(Clock clock, int size = 3)
    public int Size
    public string Name
    public T this[string key]
    // Adds one.
    [Logged] public async Task<Price> AddAsync<K>(K key, params T[] more) where K : notnull
    public static Store<T> operator +(Store<T> a, T b)
  public interface IStore
    int Size
    void Clear()
  public record Line(Item Item, int Count)
  public enum State { Open, Paid = 2 }
  public delegate void Handler<in T>(T value, Line line)
  internal struct Pair
    public int A
`,
    definitions: "A AddAsync Changed Clear Handler IStore Line Max Name Open Paid Pair Size State Store items",
    references: `
      System Tax Serializable Base Dictionary EventHandler Change Clock Logged Task Price more Length
      Invoke Describe Find Shelf TryGet Abs Of StoreException Log Warn With`,
    imports: ["System", "Shop.Money", "Shop.Taxes.Tax", "System.Math"],
  },
];

describeSamples("Java and C#", SAMPLES);
