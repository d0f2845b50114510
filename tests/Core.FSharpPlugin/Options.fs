/// A plugin as F# authors write it; tests also load this assembly into a collectible context.
namespace KdPlugins.Core.FSharpPlugin

open System
open System.Collections.Generic
open System.ComponentModel.DataAnnotations
open KdPlugins.Core
open KdPlugins.Sdk

type Mode =
    | Fast = 0
    | VerySlow = 1

/// A check of the plugin's own.
[<Sealed>]
type EvenAttribute() =
    inherit ValidationAttribute()
    override _.IsValid(value: obj) = (value :?> int) % 2 = 0
    override _.FormatErrorMessage _ = "an even number"

[<CLIMutable>]
type Inner =
    {
        [<Range(0.0, 1.0)>]
        Share: double
        Name: string
    }

type MixOptions() =
    [<Even>]
    member val Count = 2 with get, set

    member val Mode = Mode.Fast with get, set
    member val Limit = Nullable<int>() with get, set
    member val Inner = { Share = 0.5; Name = "x" } with get, set
    member val Many: IReadOnlyList<Inner> = [||] with get, set
    member val Modes: Dictionary<string, Mode> = Dictionary() with get, set

    interface IValidatableObject with
        member this.Validate _ =
            if this.Count = 6 && this.Mode = Mode.Fast then
                [ ValidationResult("six is too much for fast", [ "Count"; "Mode" ]) ]
            else
                []

[<KdLoss("f-sharp-mix", Description = "Mixes.")>]
type MixLoss() =
    inherit DistillationLoss<MixOptions>()
    override _.Compute _ = raise (NotSupportedException())

[<CLIMutable>]
type BareOptions = { Depth: int; Rate: float32 }

[<KdLoss("f-sharp-bare")>]
type BareLoss() =
    inherit DistillationLoss<BareOptions>()
    override _.Compute _ = raise (NotSupportedException())
