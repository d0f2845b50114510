namespace KdPlugins.Core

open System
open System.Collections.Generic
open TorchSharp
open KdPlugins.Torch
open KdPlugins.Torch.Weights

/// Makes the networks of a run, by one plugin per section.
/// info: what the main data set holds.
[<Sealed>]
type internal NetworkMaker(recipe: Recipe, run: LiveRun, maker: PluginMaker, info: DataInfo) =
    let plugins = Dictionary<PluginChoice, IModelPlugin>()

    let pluginOf (choice: PluginChoice) : IModelPlugin =
        match plugins.TryGetValue choice with
        | true, plugin -> plugin
        | _ ->
            let plugin = maker.Make<IModelPlugin>(PluginKind.Model, choice)
            plugins[choice] <- plugin
            plugin

    let make (section: ModelSection) (key: RandomKey) (classes: int64) : INetwork =
        let plugin = pluginOf section.Model
        use _ = RandomScope.Use key.Value
        let classes = if classes > 0L then classes else info.Classes

        let shape =
            run.Shared |> Seq.fold (fun shape a -> a.OutputShape shape) info.InputShape

        let place = $"while the network of '{section.Role}' was made"

        let network =
            PluginCall.composing plugin place "Create" (fun () ->
                plugin.Create(ModelRequest(shape, classes, info, recipe.Folder)))

        PluginNames.give network $"{PluginNames.find plugin} of '{section.Role}'"
        network.Module.``to`` run.Device |> ignore
        network.Module.ToChannelsLast() |> ignore
        NormGuard.attach $"the network of '{section.Role}'" network.Module
        network

    // A head that the file does not have keeps what was drawn, as without weights.
    let load (section: ModelSection) (network: INetwork) (path: string) =
        let weights = section.Weights

        let options =
            LoadOptions(
                RefuseNonFinite = true,
                Unwrap = true,
                Prefix = weights.Prefix,
                Names = NameMap.Identity.RenameParts weights.Rename,
                Strict = weights.Strict,
                ReplaceHead =
                    (if weights.Head = WeightsSection.Replace then
                         network.Shape.Classes
                     else
                         0L)
            )

        run.Loaded.Add
            {
                Role = section.Role
                Path = path
                Section = weights
                Report = ModuleWeights.Load(network.Module, path, options)
            }

    // The baseline starts from the same weights as the network it is compared with.
    let keyOf (role: string) (result: string) =
        run.Key.Derive("init").Derive(if role = Recipe.BaselineRole then result else role)

    /// A network of the same architecture as a role's, on the device, its weights drawn for the key. classes: outputs of the
    /// main head, 0 for the data set's. Raises KDP0301 where the recipe has no such role.
    member _.Like(role: string, key: RandomKey, classes: int64) : INetwork =
        match recipe.Model role with
        | section when isNull (box section) ->
            Fail.error CoreErrors.RoleMissing $"A new network like '{role}' is asked for; the recipe has no such role."
        | section -> DrawCheck.During($"Making a network like '{role}'", (fun () -> make section key classes))

    /// Fills the recipe's roles; gives SHA-256 of the weight files by role. augmentationsOf: a role's own, bound.
    member _.Fill(result: string, augmentationsOf: string -> IAugmentation[]) : IReadOnlyDictionary<string, string> =
        let networks = SortedDictionary<string, string>(StringComparer.Ordinal)

        for section in recipe.Models do
            let network = make section (keyOf section.Role result) 0L

            if section.HasWeights then
                let path = recipe.PathOf section.Weights.Path
                load section network path
                networks[section.Role] <- FileHash.sha256 path

            let role = RoleState(section.Role, network, true)

            // A network without parameters, such as one that a file computes, has nothing that is still to be learnt.
            if not section.HasWeights && not (Seq.isEmpty (network.Module.parameters ())) then
                role.Untrained <- Nullable role.Weights

            role.Augmentations <- augmentationsOf section.Role
            run.Roles[section.Role] <- role
            run.Modules[$"role/{section.Role}"] <- network.Module

        networks
