namespace KdPlugins.SpeculativeKd

open System
open TorchSharp
open KdPlugins.Core

/// A language model that reads growing texts, each of its tokens once.
/// rows: how many texts.
[<Sealed>]
type internal CachedReader(model: ICausalLanguageModel, rows: int, device: torch.Device) =
    let cache = model.NewCache(int64 rows)
    let known: int[] = Array.zeroCreate rows

    /// Reads what is new of the texts that are asked about, and gives the logits [rows, slots, V] at places from first on. What a text does
    /// not have, and texts that are not asked about, give what means nothing.
    /// texts: each longer than what was read of it. first: of each, at least what was read of it.
    member _.Read(texts: ResizeArray<int64>[], isAsked: bool[], first: int[], slots: int) : torch.Tensor =
        let fresh =
            Array.init rows (fun i -> if isAsked[i] then texts[i].Count - known[i] else 0)

        let longest = Array.max fresh
        let ids: int64[] = Array.zeroCreate (rows * longest)
        let counts: bool[] = Array.zeroCreate (rows * longest)

        for i in 0 .. rows - 1 do
            texts[i].CopyTo(known[i], ids, i * longest, fresh[i])
            Array.fill counts (i * longest) fresh[i] true

        let at =
            [|
                for i in 0 .. rows - 1 do
                    for slot in 0 .. slots - 1 -> Math.Clamp(first[i] - known[i] + slot, 0, longest - 1) |> int64
            |]

        let shape = [| int64 rows; int64 longest |]

        let logits: torch.Tensor =
            model.Append(
                torch.tensor(ids, device = device).view shape,
                torch.tensor(counts, device = device).view shape,
                cache
            )

        for i in 0 .. rows - 1 do
            known[i] <- known[i] + fresh[i]

        let places = torch.tensor(at, device = device).view(int64 rows, int64 slots, 1L)
        logits.gather (1L, places.expand (-1L, -1L, logits.shape[2]))

    /// Forgets what texts no longer begin with, and their last token, whose logits are asked for next.
    /// lengths: of what still stands.
    member _.Cut(lengths: int[]) =
        for i in 0 .. rows - 1 do
            known[i] <- min known[i] (lengths[i] - 1)

        model.Truncate(cache, torch.tensor (Array.map int64 known, device = device))

    interface IDisposable with
        member _.Dispose() = cache.Dispose()
