namespace KdPlugins.Core

open System

/// Some samples of a source, under their numbers in it.
[<Sealed>]
type internal SubsetSource(source: IDataSource, picked: int64[]) =

    interface IDataSource with
        member _.Count = int64 picked.Length

        member _.Read indices =
            let mapped = Array.init indices.Length (fun i -> picked[int (indices.Span[i])])
            source.Read(ReadOnlyMemory mapped)

/// Carving a validation set out of the training data.
module internal Split =

    /// (training, validation): which samples validate depends on the data alone, not on a run's seed, so that runs with
    /// different seeds are chosen by the same samples. fraction: in [0, 1).
    let carve (fingerprint: string) (fraction: float) (source: IDataSource) : struct (IDataSource * IDataSource) =
        let count = int source.Count
        let held = int (Math.Round(fraction * float count))

        if held = 0 then
            struct (source, null)
        else
            let key = RandomKey(0UL).Derive("validation").Derive(fingerprint)

            let ranked =
                Array.init count int64
                |> Array.sortBy (fun i -> struct (key.Derive(i).Value, i))

            let validation = Array.sub ranked 0 held |> Array.sort
            let training = Array.sub ranked held (count - held) |> Array.sort
            struct (SubsetSource(source, training), SubsetSource(source, validation))
