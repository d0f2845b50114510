namespace Plugin._1.Tests

open KdPlugins.Core
open KdPlugins.Testing
open KdPlugins.Torch
open TorchSharp
open Xunit
open Plugin._1

type KdClassAugmentationTests() =

    // Before the first tensor: TorchSharp itself does not look where libtorch lies.
    do NativeRuntime.Start() |> ignore

    static member Checks = Conformance.Augmentation<KdClassAugmentation>().Theory()

    [<SkippableTheory; MemberData "Checks">]
    member _.Conforms(check: ConformanceCheck) =
        let outcome = check.Run()
        Skip.If(outcome.IsSkipped, outcome.Detail)

    [<Fact>]
    member _.``Every image has its own factor within the strength``() =
        let augmentation = Stubs.Plugin<KdClassAugmentation>(KdClassOptions(Strength = 0.5))

        let grey =
            Batch(torch.full (64L, 1L, 1L, 1L, 0.5f), NoTarget 64L, torch.arange (64L, torch.int64))

        let after = augmentation.Apply(grey, PartContextStub())
        let values = after.Input.data<float32>().ToArray()
        let factors = after.Parameters["plugin-id-1.factor"].data<float32>().ToArray()
        Assert.All(values, (fun v -> Assert.InRange(v, 0.25f, 0.75f)))
        Assert.True(Array.length (Array.distinct values) > 32)
        Assert.True(Array.min values < 0.35f && Array.max values > 0.65f)
        Assert.Equal<float32 array>(factors |> Array.map (fun f -> 0.5f * f), values)
