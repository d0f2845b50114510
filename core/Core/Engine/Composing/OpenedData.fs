namespace KdPlugins.Core

open System
open System.Collections.Generic

/// A data set whose splits are each opened once, and whose fingerprint is made once.
[<Sealed>]
type internal OpenDataset(data: IDataset) =
    let splits = Dictionary<string, IDataSource>()
    let fingerprint = lazy data.Fingerprint

    interface IDataset with
        member _.Info = data.Info
        member _.Splits = data.Splits
        member _.Fingerprint = fingerprint.Value
        member _.Dispose() = data.Dispose()

        member _.Open split =
            match splits.TryGetValue split with
            | true, source -> source
            | _ ->
                let source =
                    PluginCall.composing data $"while its split '{split}' was opened" "Open" (fun () -> data.Open split)

                splits[split] <- source
                source

/// The data sets that a recipe names, each opened once, however many compositions, phases and seeds need it.
/// Reading is a pure function of the samples' numbers: nothing of one seed gets to another by it.
/// folder: what relative paths are relative to.
[<Sealed>]
type internal OpenedData(catalog: IPluginCatalog, folder: string) =
    let opened = Dictionary<PluginChoice, struct (IPluginInstance * IDataset)>()

    let openPlugin (plugin: IDatasetPlugin) : IDataset =
        let place = "while it was opened"
        let found = PluginCall.composing plugin place "Open" (fun () -> plugin.Open folder)
        PluginNames.give found (PluginNames.find plugin)
        let data = new OpenDataset(found)
        PluginNames.give data (PluginNames.find plugin)

        try
            PluginCall.at plugin (fun () -> place) (fun () -> DataSetCheck.require plugin data)
        with _ ->
            found.Dispose()
            reraise ()

        data

    let openNew (choice: PluginChoice) : struct (IPluginInstance * IDataset) =
        let instance = RecipePlugins.Create(catalog, PluginKind.Dataset, choice)

        try
            PluginNames.give instance.Plugin (PluginNames.ofKind PluginKind.Dataset choice.Id)
            struct (instance, openPlugin (instance.Plugin :> obj :?> IDatasetPlugin))
        with _ ->
            instance.Dispose()
            reraise ()

    /// A section's data set, and the plugin that has opened it.
    member _.Dataset(choice: PluginChoice) : struct (PluginDescriptor * IDataset) =
        let struct (instance, data) =
            match opened.TryGetValue choice with
            | true, found -> found
            | _ ->
                let found = openNew choice
                opened[choice] <- found
                found

        struct (instance.Descriptor, data)

    interface IDisposable with
        member _.Dispose() =
            for struct (instance, data) in Seq.rev (Seq.toArray opened.Values) do
                data.Dispose()
                instance.Dispose()
