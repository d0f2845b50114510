namespace KdPlugins.Core

open System
open System.Collections.Generic

/// Finds what somebody may have meant.
[<AbstractClass; Sealed>]
type Nearest private () =

    /// Longer words are not worth the work.
    static let longest = 64

    /// The least number of insertions, removals, replacements and swaps of neighbours that turn one word into the other
    /// (optimal string alignment), cases ignored.
    static member Distance(first: string, second: string) =
        let a = first.ToLowerInvariant()
        let b = second.ToLowerInvariant()

        let d =
            Array2D.init (a.Length + 1) (b.Length + 1) (fun i j -> if i = 0 then j else i)

        for i in 1 .. a.Length do
            for j in 1 .. b.Length do
                let replace = d[i - 1, j - 1] + (if a[i - 1] = b[j - 1] then 0 else 1)
                d[i, j] <- Math.Min(replace, Math.Min(d[i - 1, j], d[i, j - 1]) + 1)

                if i > 1 && j > 1 && a[i - 1] = b[j - 2] && a[i - 2] = b[j - 1] then
                    d[i, j] <- Math.Min(d[i, j], d[i - 2, j - 2] + 1)

        d[a.Length, b.Length]

    /// The candidates closest to a word, best first, at most count; those that differ in more than a third of the
    /// word's letters (two for short words) are no help and left out.
    static member Of(word: string, candidates: IEnumerable<string>, count: int) : IReadOnlyList<string> =
        if word.Length > longest then
            Array.Empty<string>()
        else
            let limit = Math.Max(2, word.Length / 3)

            candidates
            |> Seq.filter (fun c -> c.Length <= longest)
            |> Seq.map (fun c -> struct (Nearest.Distance(word, c), c))
            |> Seq.filter (fun struct (d, c) -> d <= limit && d < Math.Max(word.Length, c.Length))
            |> Seq.sort
            |> Seq.truncate count
            |> Seq.map (fun struct (_, c) -> c)
            |> Seq.toArray
            :> IReadOnlyList<string>

    /// "Did you mean 'x'?", or nothing where no candidate is near.
    static member Ask(word: string, candidates: IEnumerable<string>) =
        match Nearest.Of(word, candidates, 3) |> Seq.map (fun c -> $"'{c}'") |> Seq.toArray with
        | [||] -> String.Empty
        | near ->
            let all = String.Join(" or ", near)
            $"Did you mean {all}?"
