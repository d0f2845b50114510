using KdPlugins.Authors.Tests.Kit;
using KdPlugins.Core;
using KdPlugins.Core.FSharpPlugin;
using KdPlugins.Testing;

namespace KdPlugins.Authors.Tests.Faults;

/// <summary>Mistakes that authors make, planted in small plugins: which check of the kit tells, and by which words.</summary>
public sealed class KitFaultTests
{
    private static readonly (Type Plugin, string Check, string Words)[] Faults =
    [
        (typeof(AsyncStep), "calls", "an async function. The engine goes on when the call returns"),
        (typeof(StepInTask), "calls", "Task.Run. The engine goes on when the call returns"),
        (typeof(StepInTask), "stages", "names 'student' among its Trainables and never changes it"),
        (typeof(OtherThread), "context", "calls Publish of its context from another thread"),
        (typeof(KeptContext), "context", "calls Publish of its context after it has returned"),
        (typeof(UnusedHead), "stages", "names 'head' among its Trainables and never changes it"),
        (typeof(UnusedLayer), "stages", "nothing ever reaches its 'spare.weight', 'spare.bias'"),
        (typeof(IdleSecondStage), "stages", "stage 'second' names 'student'"),
        (typeof(OwnBackward), "stages", "no step.Update (nor Apply) of the stage trains it"),
        (typeof(NoTrainables), "stages", "updates 'student', which is not among its Trainables"),
        (typeof(TrainingTeacher), "modes", "has 'teacher' in Trains and none of its parameters in Trainables"),
        (typeof(TeacherPutIntoTraining), "modes", "puts 'teacher', which it does not train, into training mode"),
        (typeof(TeacherAskedPastTheStep), "modes", "changes the statistics 'norm.running_mean' of 'teacher'"),
        (typeof(DrawingStrategy), "global generator", "draws from libtorch's default generator"),
        (typeof(Clocked), "calls", "DateTime.Now. A resumed run would go on otherwise"),
        (typeof(UnusedHeadLoss), "parameters", "no gradient reaches its 'spare.weight', 'spare.bias'"),
        (typeof(BareListLoss), "parameters", "has neither parameters nor buffers"),
        (typeof(MatmulLoss), "calls", "Tensor.matmul. It ends the whole process where shapes do not fit"),
        (typeof(OwnDiceLoss), "calls", "new Random. A resumed run would draw other numbers"),
        (typeof(StopwatchLoss), "calls", "Stopwatch.GetTimestamp. A resumed run would go on otherwise"),
        (typeof(ParallelLoss), "calls", "Parallel.For. The engine goes on when the call returns"),
        (typeof(GlobalLoss), "global generator", "Draw from context.Random"),
        (typeof(RowLoss), "gradient", "where a scalar is expected"),
        (typeof(NullLoss), "gradient", "it gives null where a scalar is expected"),
        (typeof(ThreadedNoise), "calls", "new Thread. The engine goes on when the call returns"),
        (typeof(TickingNoise), "calls", "Environment.TickCount64. A resumed run would go on otherwise"),
        (typeof(ProductLoss), "calls", "ProductLoss (ProductLoss.compare) calls Tensor.matmul"),
        (typeof(ClockAugmentation), "calls", "DateTime.Now. A resumed run would go on otherwise"),
        (typeof(AsyncStrategy), "calls", "FSharpAsync.Start. The engine goes on when the call returns"),
        (typeof(TaskStrategy), "calls", "an async function. The engine goes on when the call returns"),
        (typeof(BrightData), "batches", "not from 0 to 1. Divide by 255"),
        (typeof(HalfData), "batches", "40 samples were asked for, and Read gives 20"),
        (typeof(MisnumberedData), "batches", "Indices are not the numbers that were asked for"),
        (typeof(MislabelledData), "batches", "sample 2 has the label 3; Info says 3 classes, 0 to 2"),
        (typeof(DoubleData), "batches", "its images are Float64; Byte (0 to 255) or Float32 (0 to 1) is expected"),
        (typeof(MisshapenData), "batches", "Info says inputs [1, 4, 4], and Read gives [4, 4]"),
        (typeof(UnlabelledData), "batches", "Info says targets of kind ClassIndex, and Read gives None"),
        (typeof(InfiniteData), "batches", "values that are not finite"),
        (typeof(NamelessData), "fingerprint", "its Fingerprint is '', not a SHA-256"),
        (typeof(RestlessData), "fingerprint", "opened twice, it has two fingerprints"),
        (typeof(EmptyData), "batches", "its split 'train' has 0 samples"),
        (typeof(AnySplitData), "unknown split", "opens a split that it does not name"),
        (typeof(WanderingData), "determinism", "reading the same samples again gives another input"),
        (typeof(SociableData), "determinism", "reading one alone gives another input"),
        (typeof(SharedBufferData), "threads", "read from several threads at once it gives another input"),
        (typeof(RandData), "global generator", "draws from libtorch's default generator"),
        (typeof(ByteMeanData), "info", "they are of values in [0, 1], not of 0 to 255"),
        (typeof(WrongMeanData), "statistics", "'normalise' would use the former"),
        (typeof(FewNamesData), "info", "has 2 ClassNames for 3 classes"),
        (typeof(FixedClasses), "shapes", "asked for 4 classes, its Shape says 10"),
        (typeof(MissingTap), "taps", "publishes the tap 'hidden', and Forward does not give it"),
        (typeof(MisshapenTap), "taps", "says [7] for the tap 'hidden', and Forward gives [6]"),
        (typeof(AlwaysDropping), "modes", "the same input is answered otherwise the second time"),
        (typeof(BatchStatistics), "modes", "answered otherwise alone than among others"),
        (typeof(RenamedEachTime), "names", "is in the state of one instance and not of another"),
        (typeof(SpareLayer), "parameters", "no gradient reaches its 'spare.weight', 'spare.bias'"),
        (typeof(Unregistered), "parameters", "it has no parameters: call RegisterComponents"),
        (typeof(Detaching), "parameters", "its answer has no graph"),
        (typeof(DictionaryModel), "conversion", "A ModuleDict, or two properties of one name"),
        (typeof(TensorField), "conversion", "a part is not registered"),
        (typeof(ZeroWeights), "weights", "with another seed it has the same weights"),
        (typeof(OwnWeights), "weights", "with the same seed 'hidden.weight' begins otherwise"),
        (typeof(ChangesItsInput), "inputs unchanged", "changes its input in place"),
        (typeof(MeanOfMeansMeter), "batches", "cut into batches of 5, 2 and 5 its 'right' is"),
        (typeof(LastRowMeter), "order", "in the opposite order its 'right' is"),
        (typeof(UnstatedMeter), "reading", "gives 'wrong', which its Values do not state"),
        (typeof(NaNMeter), "reading", "its 'right' is NaN for finite answers"),
        (typeof(SpoilingMeter), "inputs unchanged", "changes the answers in place"),
        (typeof(TwoNamesMeter), "values", "states the value 'right' twice"),
        (typeof(StrangeChooserMeter), "values", "its Chooser 'accuracy' is none of its Values"),
        (typeof(TakenOptionTool), "option names", "'--plugins' is one that every command has"),
        (typeof(SilentTool), "result", "neither text nor a table"),
        (typeof(OwnEventTool), "result", "has a value 'event'"),
        (typeof(GlobalDrawTool), "global generator", "draws from libtorch's default generator"),
        (typeof(CountingRunsTool), "determinism", "asked twice it says different things"),
        (typeof(UnstoppableTool), "cancelled", "let OperationCanceledException pass"),
        (typeof(HiddenRefusalTool), "wrong recipe", "'hidden-refusal' failed: InvalidOperationException: no good"),
    ];

    public static TheoryData<string> Planted => [.. Faults.Select(f => $"{f.Plugin.Name} {f.Check}")];

    [Theory]
    [MemberData(nameof(Planted))]
    public void A_planted_fault_is_told_by_its_check(string name)
    {
        var fault = Faults.Single(f => $"{f.Plugin.Name} {f.Check}" == name);
        var failure = Assert.Throws<ConformanceException>(() => Suite(fault.Plugin).Only(fault.Check).Verify());
        Assert.StartsWith($"{name}: ", failure.Message);
        Assert.Contains(fault.Words, failure.Message);
    }

    [Theory]
    [InlineData(typeof(GoodLoss))]
    [InlineData(typeof(GoodNoise))]
    [InlineData(typeof(GoodGenerator))]
    [InlineData(typeof(GoodStrategy))]
    [InlineData(typeof(GoodData))]
    [InlineData(typeof(GoodModel))]
    [InlineData(typeof(GoodMeter))]
    [InlineData(typeof(GoodTool))]
    public void What_has_no_fault_passes_every_check(Type plugin) => Suite(plugin).Verify();

    private static ConformanceSuite Suite(Type plugin)
    {
        var kind = plugin switch
        {
            _ when typeof(IDistillationLoss).IsAssignableFrom(plugin) => nameof(Conformance.Loss),
            _ when typeof(IAugmentation).IsAssignableFrom(plugin) => nameof(Conformance.Augmentation),
            _ when typeof(IGenerator).IsAssignableFrom(plugin) => nameof(Conformance.Generator),
            _ when typeof(IDistillationStrategy).IsAssignableFrom(plugin) => nameof(Conformance.Strategy),
            _ when typeof(IMeter).IsAssignableFrom(plugin) => nameof(Conformance.Meter),
            _ when typeof(ITool).IsAssignableFrom(plugin) => nameof(Conformance.Tool),
            _ when typeof(IDatasetPlugin).IsAssignableFrom(plugin) => nameof(Conformance.Dataset),
            _ => nameof(Conformance.Model),
        };
        return (ConformanceSuite)typeof(Conformance).GetMethod(kind)!.MakeGenericMethod(plugin).Invoke(null, [null])!;
    }
}
