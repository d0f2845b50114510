namespace KdPlugins.Core

open System
open TorchSharp

/// The classes of samples, for what deals them out by class.
[<AbstractClass; Sealed>]
type SampleClasses private () =

    static let readTogether = 512

    /// A class for each sample of a source, by its number. Where the source does not know them, all of its samples are read.
    /// asker: who needs them, such as "Strategy 'mutual'". Raises KDP0304 where the samples have no class each.
    static member Of(source: IDataSource, asker: string) : int64[] =
        let numbers = Array.init (int source.Count) int64

        match Strata.classesOf source with
        | Some classOf -> Array.map classOf numbers
        | None ->
            numbers
            |> Array.chunkBySize readTogether
            |> Array.collect (fun some ->
                use _ = torch.NewDisposeScope()
                let batch = source.Read(ReadOnlyMemory some)

                TargetReader.As<ClassIndexTarget>(batch.Target, asker).Labels.cpu().data<int64>().ToArray())
