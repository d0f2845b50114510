namespace KdPlugins.Core

open System.Collections.Generic

/// Which samples stand for a source of which only some are looked at.
module internal SampleChoice =

    // Nothing of a run: whoever looks at so many samples of a source looks at the same ones.
    let private key = RandomKey(0UL).Derive("some samples")

    /// One place in each of count stretches of a length, as equal as they can be; drawn, since samples may come in turns
    /// that an even step would follow.
    let private spread (stream: int64) (length: int64) (count: int64) : int64[] =
        Array.init (int count) (fun k ->
            let first = int64 k * length / count
            let next = (int64 k + 1L) * length / count
            let drawn = key.Derive(stream).Derive(int64 k).Value
            first + int64 (drawn % uint64 (next - first)))

    let private stratified (strata: List<int64>[]) (count: int64) : int64[] =
        Strata.shares (strata |> Array.map (fun s -> int64 s.Count)) count
        |> Array.mapi (fun i share ->
            spread (int64 i) (int64 strata[i].Count) share
            |> Array.map (fun p -> strata[i][int p]))
        |> Array.concat
        |> Array.sort

    /// The numbers of count samples of a source, in its order: evenly over it, by classes where it knows them, the same
    /// ones every time. All of them where it has no more.
    let choose (source: IDataSource) (count: int64) : int64[] =
        if count >= source.Count then
            Array.init (int source.Count) int64
        else
            match Strata.ofSource source with
            | Some strata -> stratified strata count
            | None -> spread 0L source.Count count
