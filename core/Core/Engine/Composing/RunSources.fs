namespace KdPlugins.Core

open System
open System.Collections.Generic

/// Brings a recipe's data to a run, as feeds by the sources' names.
[<Sealed>]
type internal RunSources(recipe: Recipe, run: LiveRun, opened: OpenedData, maker: PluginMaker) =
    let mutable samples = 0L
    let origins = Dictionary<string, struct (string * int64)>()

    // In which split the samples of a source are numbered.
    let note (name: string) (choice: PluginChoice) (data: IDataset) (split: string) (source: IDataSource) =
        origins[name] <- struct ($"{data.Fingerprint} {split} {maker.Text(PluginKind.Dataset, choice)}", source.Count)

    let dataset (choice: PluginChoice) : IDataset =
        let struct (descriptor, data) = opened.Dataset choice
        maker.Note descriptor
        data

    // Every batch that comes out of a data set is looked at.
    let split (data: IDataset) (name: string) : IDataSource =
        let looked = CheckedSource(data, $"split '{name}'", data.Info, data.Open name)
        PluginNames.give looked $"split '{name}' of {PluginNames.find data}"
        looked

    let main = dataset recipe.Dataset

    let addFeed (name: string) (data: DataInfo) (source: IDataSource) =
        if source.Count < 1L then
            Fail.error
                CoreErrors.NoSamples
                $"The source '{name}' has {source.Count} samples ({PluginNames.find source}); at least 1 is needed."

        run.Infos[name] <- data
        let order = run.Key.Derive("order").Derive(name)
        run.Feeds[name] <- Feed(name, source, recipe.Training.BatchSize, order, run.Clock, false)

    // Networks that are made for the main data set are evaluated on these.
    let checkStandIn (name: string) (other: DataInfo) =
        let text (data: DataInfo) =
            let shape = String.Join(", ", data.InputShape)
            $"inputs [{shape}] of {data.Classes} classes"

        if text other <> text main.Info then
            Fail.error
                CoreErrors.ShapesDiffer
                $"The source '{name}' has {text other}; the main data set, which it evaluates, has {text main.Info}."

    /// The main data set.
    member _.Main = main

    /// The samples of its training split, those that validate among them.
    member _.Samples = samples

    /// By source, where samples can be trained on: what they are, and how many there are where they are numbered.
    member _.Origins: IReadOnlyDictionary<string, struct (string * int64)> = origins

    /// Opens all; gives their fingerprints by name.
    member _.Open() : IReadOnlyDictionary<string, string> =
        let training = split main "train"
        samples <- training.Count

        let struct (train, validation) =
            match recipe.Validation with
            | v when v.IsOfSource -> struct (training, null)
            | v when not (isNull v.Split) -> struct (training, split main v.Split)
            | v -> Split.carve main.Fingerprint v training

        addFeed SourceSection.Train main.Info train
        note SourceSection.Train recipe.Dataset main "train" training

        if not (isNull validation) then
            addFeed SourceSection.Validation main.Info validation

        if Seq.contains SourceSection.Test main.Splits then
            addFeed SourceSection.Test main.Info (split main SourceSection.Test)

        let fingerprints = SortedDictionary<string, string>(StringComparer.Ordinal)
        fingerprints["dataset"] <- main.Fingerprint

        for section in recipe.Sources do
            let data = dataset section.Dataset

            if section.Name = SourceSection.Validation || section.Name = SourceSection.Test then
                checkStandIn section.Name data.Info

            let source = split data section.Split
            addFeed section.Name data.Info source
            note section.Name section.Dataset data section.Split source
            fingerprints[section.Name] <- data.Fingerprint

        fingerprints
