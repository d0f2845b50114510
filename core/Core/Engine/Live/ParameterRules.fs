namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.Text.RegularExpressions
open TorchSharp.Modules

/// Names of parameters by patterns: the name of a module is all that is in it, * is any part of a name.
module internal NamePatterns =

    let private expression (pattern: string) =
        let text = Regex.Escape(pattern).Replace("\\*", ".*")
        Regex($"^{text}(\\..*)?\\z", RegexOptions.NonBacktracking)

    /// Whether a name is meant.
    let matches (pattern: string) : string -> bool =
        let expression = expression pattern
        fun name -> expression.IsMatch name

/// What a parameter has of its trainable's learning rate, and its weight decay.
[<Struct>]
type internal ParameterRule = { Rate: float; WeightDecay: float }

/// The rules of an optimiser's settings, by parameter.
module internal ParameterRules =

    // What belongs to losses is no part of the network.
    let private ofLoss (name: string) = name.StartsWith("loss.", StringComparison.Ordinal)

    // The module of the top level, of a numbered list of modules each; "" for what lies beside them.
    let private block (name: string) =
        match name.Split '.' with
        | [| _ |] -> ""
        | parts when parts.Length > 2 && parts[1] |> Seq.forall Char.IsDigit -> $"{parts[0]}.{parts[1]}"
        | parts -> parts[0]

    /// The depth of each of a network's parameters, from 0 at its input, by name. A block that has nothing but norms and biases
    /// belongs to the one before it.
    let depths (parameters: IReadOnlyList<struct (string * Parameter)>) : IReadOnlyDictionary<string, int> =
        let own =
            parameters
            |> Seq.filter (fun (struct (name, _)) -> not (ofLoss name))
            |> Seq.toArray

        let isLayer (name: string) = own |> Array.exists (fun (struct (n, p)) -> block n = name && p.dim () > 1L)

        let depths = Dictionary<string, int>()
        let mutable last = -1

        for name in own |> Seq.map (fun (struct (n, _)) -> block n) |> Seq.distinct do
            if name <> "" && isLayer name then
                last <- last + 1

            depths[name] <- max 0 last

        let found = Dictionary<string, int>()

        for struct (name, _) in own do
            found[name] <- depths[block name]

        found

    let private factors (s: OptimiserSettings) (parameters: IReadOnlyList<struct (string * Parameter)>) =
        let rates =
            s.Rates |> Seq.map (fun r -> NamePatterns.matches r.Key, r.Value) |> Seq.toArray

        let depths =
            if s.LayerDecay < 1.0 then
                depths parameters
            else
                Dictionary()

        let deepest = if depths.Count = 0 then 0 else Seq.max depths.Values

        fun (name: string) ->
            let byDepth =
                match depths.TryGetValue name with
                | true, depth -> Math.Pow(s.LayerDecay, float (deepest - depth))
                | _ -> 1.0

            rates
            |> Array.filter (fun (isMeant, _) -> isMeant name)
            |> Array.fold (fun all (_, factor) -> all * factor) byDepth

    /// Parameters of the same rule together, in the order of their first ones.
    let groups
        (s: OptimiserSettings)
        (parameters: IReadOnlyList<struct (string * Parameter)>)
        : struct (ParameterRule * struct (string * Parameter)[])[] =
        let factor = factors s parameters

        parameters
        |> Seq.groupBy (fun (struct (name, p)) ->
            {
                Rate = factor name
                WeightDecay =
                    if s.DecayNormsAndBiases || p.dim () > 1L then
                        s.WeightDecay
                    else
                        0.0
            })
        |> Seq.map (fun (rule, some) -> struct (rule, Seq.toArray some))
        |> Seq.toArray
