namespace Plugin._1.Tests

open System
open KdPlugins.Core
open KdPlugins.Testing
open KdPlugins.Torch
open Xunit
open Plugin._1

type KdClassDatasetTests() =

    // Before the first tensor: TorchSharp itself does not look where libtorch lies.
    do NativeRuntime.Start() |> ignore

    static let small seed = KdClassOptions(Train = 64, Test = 16, Size = 16, Seed = seed)

    static member Checks =
        Conformance.Dataset<KdClassDataset>(DatasetSettings(Options = small 0L)).Theory()

    [<SkippableTheory; MemberData "Checks">]
    member _.Conforms(check: ConformanceCheck) =
        let outcome = check.Run()
        Skip.If(outcome.IsSkipped, outcome.Detail)

    [<Fact>]
    member _.``Classes take turns``() =
        use data = Stubs.Plugin<KdClassDataset>(small 0L).Open ""
        let batch = data.Open("train").Read(ReadOnlyMemory [| 0L; 1L; 2L; 5L |])
        let labels = (batch.Target :?> ClassIndexTarget).Labels.data<int64>().ToArray()
        Assert.Equal<int64 array>([| 0L; 1L; 2L; 1L |], labels)

    [<Fact>]
    member _.``The fingerprint follows from the options``() =
        let fingerprint seed = (Stubs.Plugin<KdClassDataset>(small seed).Open "").Fingerprint
        Assert.NotEqual<string>(fingerprint 0L, fingerprint 1L)
