namespace KdPlugins.Sokd

open System.Collections.Generic
open KdPlugins.Core
open KdPlugins.Torch.Weights

/// The knowledge bridge module: o_A = KBM(h), h the value at a cut of the teacher. By itself it is the improved teacher, the
/// teacher's trunk and the bridge behind it.
/// whole: the teacher. tail: of the form of what lies behind the cut, with weights of its own.
[<Sealed>]
type internal Bridge(whole: ISplittableNetwork, cut: string, tail: INetwork) =
    let basis: IReadOnlyCollection<string> = [| cut |]

    let shape =
        NetworkShape(whole.Shape.Input, tail.Shape.Classes, tail.Shape.Embedding, tail.Shape.Taps)

    /// A bridge for a cut of a teacher, with the weights of a fresh network of the teacher's form, which is used up.
    static member Of(teacher: ISplittableNetwork, fresh: ISplittableNetwork, cut: string) =
        let tail = fresh.CloneTail cut
        fresh.Module.Dispose()
        Bridge(teacher, cut, tail)

    /// Takes the weights over that the teacher has behind the cut; they bear the same names.
    member _.StartFromTeacher() =
        let taught = ModuleWeights.State whole.Module
        use _ = TorchSharp.torch.no_grad ()

        for own in ModuleWeights.State tail.Module do
            own.Value.copy_ taught[own.Key] |> ignore

    interface IDerivedNetwork with
        member _.Module = tail.Module
        member _.Shape = shape
        member _.Basis = basis

        member _.Forward(input, mask, taps) = tail.Forward(whole.ForwardTo(cut, input), mask, taps)

        // h = stopgrad(F_2(x)) comes from a teacher that answers without graph.
        member _.ForwardFrom(answer, taps) = tail.Forward(answer.Feature cut, null, taps)
