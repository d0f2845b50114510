namespace Plugin._1.Tests

open System.Collections.Generic
open KdPlugins.Testing
open KdPlugins.Torch
open Xunit
open Plugin._1

type KdClassStrategyTests() =

    // Before the first tensor: TorchSharp itself does not look where libtorch lies.
    do NativeRuntime.Start() |> ignore

    static member Checks = Conformance.Strategy<KdClassStrategy>().Theory()

    [<SkippableTheory; MemberData "Checks">]
    member _.Conforms(check: ConformanceCheck) =
        let outcome = check.Run()
        Skip.If(outcome.IsSkipped, outcome.Detail)

    [<Fact>]
    member _.``Both stages have the epochs that they are given``() =
        use run =
            new RecipeRun(TestCatalog([| typeof<KdClassStrategy>; yield! KitParts.Types |]))

        let strategy = """{ "id": "plugin-id-1", "options": { "guidedEpochs": 3 } }"""

        let stages = List<string>()

        run.Observed(KitParts.Recipe(strategy = strategy), "run", (fun progress -> stages.Add progress.Stage))
        |> ignore

        // The kit's recipe has 2 epochs of 4 steps.
        Assert.Equal<(string * int) list>([ "guided", 12; "distil", 8 ], stages |> Seq.countBy id |> Seq.toList)
