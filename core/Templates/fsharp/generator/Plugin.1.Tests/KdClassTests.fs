namespace Plugin._1.Tests

open KdPlugins.Core
open KdPlugins.Testing
open KdPlugins.Torch
open TorchSharp
open Xunit
open Plugin._1

type KdClassGeneratorTests() =

    // Before the first tensor: TorchSharp itself does not look where libtorch lies.
    do NativeRuntime.Start() |> ignore

    static member Checks = Conformance.Generator<KdClassGenerator>().Theory()

    [<SkippableTheory; MemberData "Checks">]
    member _.Conforms(check: ConformanceCheck) =
        let outcome = check.Run()
        Skip.If(outcome.IsSkipped, outcome.Detail)

    [<Fact>]
    member _.``Both layers are trained``() =
        let generator =
            Stubs.Plugin<KdClassGenerator>(KdClassOptions(Latent = 5, Width = 7))

        generator.Bind(GeneratorBinding(Stubs.Data([| 3L; 4L; 4L |], 2L), torch.CPU))
        // 5 * 7 + 7 for the hidden layer, 7 * 48 + 48 for the pixels.
        Assert.Equal(426L, generator.Module.parameters () |> Seq.sumBy _.NumberOfElements)
