using KdPlugins.Core;
using KdPlugins.Strategies;
using KdPlugins.Testing;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Strategies;

public class StrategyTests
{
    [Fact]
    public void Supervised_trains_the_chosen_role_alone_for_the_recipes_epochs()
    {
        using var scope = NewDisposeScope();
        var strategy = Make.Plugin<SupervisedStrategy>(new SupervisedOptions { Role = "teacher" });
        Assert.Equal(["teacher"], strategy.Needs);
        Assert.Equal("teacher", strategy.Result);
        var stage = Assert.Single(strategy.Plan(new PlanContextStub("teacher", "student")));
        Assert.Equal("train", stage.Name);
        Assert.Equal(StageLength.Epochs(3), stage.Length);
        Assert.Equal(["teacher"], stage.Trainables.Select(t => t.Name));
        Assert.Equal(["teacher"], stage.Trains);
        Assert.Equal(["teacher"], stage.Evaluates);
        var step = new RecordedStep();
        stage.Step.Invoke(step);
        Assert.Equal(
            [
                "update teacher",
                "next train",
                "view teacher",
                "forward teacher on view.teacher",
                "objective teacher from nobody on view.teacher",
            ],
            step.Calls
        );
    }

    [Fact]
    public void Offline_learns_on_a_source_of_the_recipe_and_refuses_one_that_there_is_not()
    {
        using var scope = NewDisposeScope();
        var strategy = Make.Plugin<OfflineStrategy>(new OfflineOptions { Source = "photos" });
        var plan = new PlanContextStub("teacher", "student") { Sources = ["train", "photos"] };
        var stage = Assert.Single(strategy.Plan(plan));
        Assert.Equal("photos", stage.Source);
        var step = new RecordedStep();
        stage.Step.Invoke(step);
        Assert.Contains("next photos", step.Calls);
        Assert.DoesNotContain("next train", step.Calls);
        var failure = Assert.Throws<KdException>(() => strategy.Plan(new PlanContextStub("teacher", "student")));
        Assert.Equal(CoreErrors.SourceMissing, failure.Code);
    }

    [Fact]
    public void Supervised_refuses_losses_that_need_a_teacher_before_the_first_step()
    {
        var strategy = Make.Plugin<SupervisedStrategy>(new SupervisedOptions());
        var plan = new PlanContextStub("student") { TeacherLosses = ["kd", "hint"] };
        var failure = Assert.Throws<KdException>(() => strategy.Plan(plan));
        Assert.Equal(CoreErrors.NobodyTeaches, failure.Code);
        Assert.Contains("kd, hint", failure.Message);
    }

    [Fact]
    public void Supervised_learns_from_a_source_of_the_recipe_and_is_evaluated_on_one()
    {
        using var scope = NewDisposeScope();
        var options = new SupervisedOptions { Source = "photos", Validation = "photos-test" };
        var strategy = Make.Plugin<SupervisedStrategy>(options);
        var plan = new PlanContextStub("student") { Sources = ["train", "photos", "photos-test"] };
        var stage = Assert.Single(strategy.Plan(plan));
        Assert.Equal("photos", stage.Source);
        Assert.Equal("photos-test", stage.Validation);
        var step = new RecordedStep();
        stage.Step.Invoke(step);
        Assert.Contains("next photos", step.Calls);
        Assert.DoesNotContain("next train", step.Calls);
    }

    [Theory]
    [InlineData("fotos", "validation")]
    [InlineData("train", "fotos")]
    public void Supervised_refuses_a_source_that_the_recipe_does_not_have(string source, string validation)
    {
        var strategy = Make.Plugin<SupervisedStrategy>(
            new SupervisedOptions { Source = source, Validation = validation }
        );
        var failure = Assert.Throws<KdException>(() => strategy.Plan(new PlanContextStub("student")));
        Assert.Equal(CoreErrors.SourceMissing, failure.Code);
        Assert.Contains("fotos", failure.Message);
    }

    [Fact]
    public void Offline_gives_teacher_and_student_their_views_of_one_batch_and_trains_the_student()
    {
        using var scope = NewDisposeScope();
        var strategy = Make.Plugin<OfflineStrategy>(new OfflineOptions());
        Assert.Equal(["teacher", "student"], strategy.Needs);
        Assert.Equal("student", strategy.Result);
        var stage = Assert.Single(strategy.Plan(new PlanContextStub("teacher", "student") { TeacherLosses = ["kd"] }));
        Assert.Equal("distil", stage.Name);
        Assert.Equal(StageLength.Epochs(3), stage.Length);
        Assert.Equal(["student"], stage.Trainables.Select(t => t.Name));
        Assert.Equal(["student"], stage.Trains);
        Assert.Equal(["student"], stage.Evaluates);
        var step = new RecordedStep();
        stage.Step.Invoke(step);
        Assert.Equal("update student", step.Calls[0]);
        Assert.Single(step.Calls, "next train");
        Assert.Contains("forward teacher on view.teacher", step.Calls);
        Assert.Contains("forward student on view.student", step.Calls);
        Assert.Equal("objective student from teacher on view.student", step.Calls[^1]);
    }

    [Fact]
    public void Offline_works_between_any_two_roles()
    {
        var strategy = Make.Plugin<OfflineStrategy>(new OfflineOptions { Teacher = "student", Student = "tiny" });
        Assert.Equal(["student", "tiny"], strategy.Needs);
        Assert.Equal("tiny", strategy.Result);
    }

    [Fact]
    public void Mutual_updates_each_in_turn_by_the_labels_and_the_mean_of_what_the_others_say_then()
    {
        using var scope = NewDisposeScope();
        string[] students = ["student", "peer", "third"];
        var strategy = Make.Plugin<MutualStrategy>(new MutualOptions { Students = students });
        Assert.Equal(students, strategy.Needs);
        Assert.Equal("student", strategy.Result);
        var plan = new PairsStub(students) { TeacherLosses = ["kd"] };
        var stage = Assert.Single(strategy.Plan(plan));
        Assert.Equal(["student from peer, third", "peer from student, third", "third from student, peer"], plan.Asked);
        Assert.Equal(("together", StageLength.Epochs(3)), (stage.Name, stage.Length));
        Assert.Equal(students, stage.Trains);
        Assert.Equal(students, stage.Evaluates);
        Assert.Equal(students, stage.Trainables.Select(t => t.Name));
        var updates = new List<double>();
        var asked = new List<string>();
        var step = new RecordedStep
        {
            Updated = value => updates.Add(value.item<float>()),
            Networks = students.ToDictionary(
                role => role,
                role =>
                    (Func<Tensor, ModelOutput>)(
                        view =>
                        {
                            // Everyone sees what its own augmentations make of the batch.
                            Assert.Equal(role.Length, view.max().item<float>());
                            asked.Add($"{role} after {updates.Count}");
                            return new ModelOutput(zeros(2, 4), null, new Dictionary<string, Tensor>());
                        }
                    )
            ),
            Places =
            {
                ["student"] = 1,
                ["peer"] = 2,
                ["third"] = 4,
            },
        };
        stage.Step.Invoke(step);
        Assert.Equal([(12 + 14) / 2.0, (21 + 24) / 2.0, (41 + 42) / 2.0], updates);
        Assert.Equal(
            ["peer after 0", "third after 0", "student after 1", "third after 1", "student after 2", "peer after 2"],
            asked
        );
        Assert.Single(step.Calls, "next train");
        Assert.Contains("forward peer on view.peer", step.Calls);
        Assert.Contains("objective peer from third on view.peer of student third peer", step.Calls);
        Assert.Equal(["update student", "update peer", "update third"], step.Calls.Where(c => c.StartsWith("update")));
    }

    private sealed class PairsStub(params string[] roles) : PlanContextStub(roles)
    {
        public List<string> Asked { get; } = [];

        public override Trainable TrainableOf(string role, IReadOnlyCollection<string> teachers)
        {
            Asked.Add($"{role} from {string.Join(", ", teachers)}");
            return base.TrainableOf(role, teachers);
        }
    }

    [Fact]
    public void Mutual_needs_two_roles_that_differ()
    {
        Assert.True(Make.Passes(new MutualOptions()));
        Assert.False(Make.Passes(new MutualOptions { Students = ["student"] }));
        Assert.False(Make.Passes(new MutualOptions { Students = ["student", "student"] }));
        Assert.False(Make.Passes(new MutualOptions { Students = null! }));
    }

    [Fact]
    public void An_empty_role_does_not_pass_validation()
    {
        Assert.False(Make.Passes(new SupervisedOptions { Role = "" }));
        Assert.False(Make.Passes(new OfflineOptions { Student = "" }));
    }
}
