using KdPlugins.Core;
using KdPlugins.Testing;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Icda.Tests;

public sealed class IcdaStrategyTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static Stage Plan(IcdaOptions options) =>
        Assert.Single(
            Stubs
                .Plugin<IcdaStrategy>(options)
                .Plan(new PlanContextStub("teacher", "student") { TeacherLosses = ["icd"] })
        );

    private static StepStub Step(IcdaOptions options, StepStub? step = null)
    {
        step ??= new StepStub();
        Plan(options).Step.Invoke(step);
        return step;
    }

    [Fact]
    public void One_stage_trains_the_student_for_the_recipes_epochs()
    {
        var strategy = Stubs.Plugin<IcdaStrategy>(new IcdaOptions());
        Assert.Equal(["teacher", "student"], strategy.Needs);
        Assert.Equal("student", strategy.Result);
        var stage = Plan(new());
        Assert.Equal("distil", stage.Name);
        Assert.Equal(StageLength.Epochs(3), stage.Length);
        Assert.Equal(["student"], stage.Trainables.Select(t => t.Name));
        Assert.Equal(["student"], stage.Trains);
        Assert.Equal(["student"], stage.Evaluates);
    }

    // student's view | view of the teacher's logits | of its features | whose targets
    [Theory]
    [InlineData(ViewMode.Split, false, LogitView.Cross, "s|t|t|s")]
    [InlineData(ViewMode.Split, false, LogitView.Same, "s|s|t|s")]
    [InlineData(ViewMode.Symmetric, false, LogitView.Cross, "s|t|t|s", "t|s|s|t")]
    [InlineData(ViewMode.Symmetric, false, LogitView.Same, "s|s|t|s", "t|t|s|t")]
    [InlineData(ViewMode.Symmetric, true, LogitView.Cross, "s|t|t|s", "s|t|s|s", "t|s|s|t", "t|s|t|t")]
    [InlineData(ViewMode.Symmetric, true, LogitView.Same, "s|s|t|s", "s|s|s|s", "t|t|s|t", "t|t|t|t")]
    public void Who_is_compared_with_whom(ViewMode mode, bool sameView, LogitView kdOn, params string[] expected)
    {
        var options = new IcdaOptions
        {
            ViewMode = mode,
            IncludeSameView = sameView,
            KdOn = kdOn,
        };
        Assert.Equal(expected, Step(options).Compared);
    }

    [Theory]
    [InlineData(false, (1 + 4) / 2.0)]
    [InlineData(true, (1 + 2 + 4 + 8) / 4.0)]
    public void Symmetric_mode_takes_the_mean_over_the_pairs(bool sameView, double expected)
    {
        var step = new StepStub
        {
            ValueOf =
            {
                ["s|t|t|s"] = 1,
                ["s|t|s|s"] = 2,
                ["t|s|s|t"] = 4,
                ["t|s|t|t"] = 8,
            },
        };
        Step(new() { ViewMode = ViewMode.Symmetric, IncludeSameView = sameView }, step);
        Assert.Equal(expected, step.Updated);
    }

    [Fact]
    public void Symmetric_mode_with_one_view_is_refused()
    {
        var step = new StepStub { Views = [] };
        var failure = Assert.Throws<KdException>(() => Step(new() { ViewMode = ViewMode.Symmetric }, step));
        Assert.Equal(CoreErrors.WrongCombination, failure.Code);
    }

    [Fact]
    public void The_teachers_rows_follow_samples_that_the_student_picks()
    {
        Batch view = new(
            arange(4, ScalarType.Float32).unsqueeze(1),
            new NoTarget(4),
            tensor(new long[] { 10, 11, 12, 13 })
        );
        var picked = view.Select(tensor(new long[] { 3, 1, 1 }));
        var aligned = new IcdaStrategy().Aligned(picked, view);
        Assert.Equal([13, 11, 11], aligned.Indices.data<long>().ToArray());
        Assert.Equal([3f, 1f, 1f], aligned.Input.data<float>().ToArray());
        Assert.Same(view, new IcdaStrategy().Aligned(view.WithInput(view.Input + 1), view));
    }

    [Theory]
    [InlineData(14)]
    [InlineData(-1)]
    public void Samples_that_only_the_students_view_has_are_refused(long stranger)
    {
        Batch view = new(zeros(2, 1), new NoTarget(2), tensor(new long[] { -1, 11 }));
        Batch own = new(zeros(1, 1), new NoTarget(1), tensor(new[] { stranger }));
        var failure = Assert.Throws<KdException>(() => new IcdaStrategy().Aligned(own, view));
        Assert.Equal(CoreErrors.WrongCombination, failure.Code);
        Assert.Contains($"sample {stranger}", failure.Message);
    }

    [Fact]
    public void Options_that_contradict_each_other_are_refused() =>
        Assert.Throws<KdException>(() => Stubs.Plugin<IcdaStrategy>(new IcdaOptions { IncludeSameView = true }));

    [Fact]
    public void Without_a_loss_that_looks_at_the_teacher_there_is_nothing_to_distil()
    {
        var strategy = Stubs.Plugin<IcdaStrategy>(new IcdaOptions());
        var failure = Assert.Throws<KdException>(() => strategy.Plan(new PlanContextStub("teacher", "student")));
        Assert.Equal(CoreErrors.WrongCombination, failure.Code);
        Assert.Contains("icd", failure.Message);
    }
}
