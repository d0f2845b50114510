namespace KdPlugins.Core

open System
open System.Collections.Generic
open KdPlugins.Torch

/// The failure that every catalog raises for an id that it does not have.
[<AbstractClass; Sealed>]
type UnknownPlugin private () =

    static let article (kind: PluginKind) =
        match kind with
        | PluginKind.Dataset -> "data set"
        | other -> other.ToString().ToLowerInvariant()

    /// KDP0201 with the nearest ids, or all of them where none is near. known: the ids of that kind. refusals: why
    /// plugins were refused that may have had it, one sentence each; may be empty.
    static member Error
        (kind: PluginKind, id: string, known: IEnumerable<string>, refusals: IEnumerable<string>)
        : KdException =
        let ids = known |> Seq.sort |> Seq.toArray

        let hint =
            match Nearest.Ask(id, ids) with
            | "" when ids.Length = 0 -> $" No {article kind} is installed."
            | "" ->
                let all = String.Join(", ", ids)
                $" Known: {all}."
            | near -> $" {near}"

        let refused = refusals |> Seq.map (fun reason -> $" {reason}") |> String.Concat
        KdException(RecipeErrors.PluginUnknown, $"There is no {article kind} '{id}'.{hint}{refused}")
