namespace Plugin._1.Tests

open KdPlugins.Testing
open Xunit
open Plugin._1

type KdClassLossTests() =

    static let student = array2D [ [ 1.0; 2.0; 3.0 ]; [ 0.0; 1.0; -1.0 ] ]
    static let teacher = array2D [ [ 3.0; 1.0; 2.0 ]; [ 0.0; 2.0; -2.0 ] ]

    static let settings temperature value tolerance =
        let case () = LossCase.Of(student, teacher)

        LossSettings(
            Options = KdClassOptions(Temperature = temperature),
            Golden = [| LossGolden(case, value, tolerance) |]
        )

    // The values are PyTorch's, in double precision.
    static member Checks = Conformance.Loss<KdClassLoss>(settings 1.0 0.7558813698 1e-6).Theory()

    static member ChecksWhenSoftened =
        Conformance.Loss<KdClassLoss>(settings 4.0 12.0189264482 1e-5).Theory()

    [<SkippableTheory; MemberData "Checks"; MemberData "ChecksWhenSoftened">]
    member _.Conforms(check: ConformanceCheck) =
        let outcome = check.Run()
        Skip.If(outcome.IsSkipped, outcome.Detail)
