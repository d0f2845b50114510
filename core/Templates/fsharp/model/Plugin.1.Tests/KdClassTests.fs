namespace Plugin._1.Tests

open KdPlugins.Core
open KdPlugins.Testing
open KdPlugins.Torch
open Xunit
open Plugin._1

type KdClassModelTests() =

    // Before the first tensor: TorchSharp itself does not look where libtorch lies.
    do NativeRuntime.Start() |> ignore

    let made (input: int64 array) =
        Stubs.Plugin<KdClassModel>(KdClassOptions(Width = 4)).Create(ModelRequest(input, 10L, Stubs.Data(input, 10L)))

    static member Checks = Conformance.Model<KdClassModel>().Theory()

    static member ChecksWithDropout =
        Conformance.Model<KdClassModel>(ModelSettings(Options = KdClassOptions(Dropout = 0.5))).Theory()

    [<SkippableTheory; MemberData "Checks"; MemberData "ChecksWithDropout">]
    member _.Conforms(check: ConformanceCheck) =
        let outcome = check.Run()
        Skip.If(outcome.IsSkipped, outcome.Detail)

    [<Fact>]
    member _.``It has the parameters of its layers``() =
        // 3 * 9 * 4 + 2 * 4, 4 * 9 * 8 + 2 * 8, 8 * 10 + 10.
        let network = made [| 3L; 32L; 32L |]
        Assert.Equal(510L, network.Module.parameters () |> Seq.sumBy _.NumberOfElements)

    [<Fact>]
    member _.``Inputs that it cannot take are refused``() =
        Assert.Throws<KdException>(fun () -> made [| 3L; 2L; 2L |] |> ignore)
