namespace KdPlugins.Core

open System

/// Some samples of a source, under their numbers in it.
[<Sealed>]
type internal SubsetSource(source: IDataSource, picked: int64[]) =

    /// What they are picked from.
    member _.Source = source

    /// Their numbers in it.
    member _.Picked = picked

    interface IDataSource with
        member _.Count = int64 picked.Length

        member _.Read indices =
            let mapped = Array.init indices.Length (fun i -> picked[int (indices.Span[i])])
            source.Read(ReadOnlyMemory mapped)

/// Carving a validation set out of the training data.
module internal Split =

    /// (training, validation): which samples validate depends on the data alone, not on a run's seed, so that runs with
    /// different seeds are chosen by the same samples. Without validation (null) where the share of the samples is none.
    /// Raises KDP0310 where no sample is left to train on.
    let carve
        (fingerprint: string)
        (section: ValidationSection)
        (source: IDataSource)
        : struct (IDataSource * IDataSource) =
        let count = source.Count

        let struct (held, asked) =
            if section.Count.HasValue then
                struct (section.Count.Value, $"count {section.Count.Value}")
            else
                let fraction = section.Fraction.GetValueOrDefault 0.1
                struct (int64 (Math.Round(fraction * float count)), $"fraction {fraction}")

        if held >= count then
            Fail.error
                CoreErrors.NoSamples
                $"The validation set ({asked}) takes {held} samples of the training split, which has {count}: none is left to train on."

        if held = 0L then
            struct (source, null)
        else
            let key = RandomKey(0UL).Derive("validation").Derive(fingerprint)

            let ranked =
                Array.init (int count) int64
                |> Array.sortBy (fun i -> struct (key.Derive(i).Value, i))

            let validation = Array.sub ranked 0 (int held) |> Array.sort
            let training = Array.sub ranked (int held) (int (count - held)) |> Array.sort
            struct (SubsetSource(source, training), SubsetSource(source, validation))
