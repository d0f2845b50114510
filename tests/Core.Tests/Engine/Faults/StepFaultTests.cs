using KdPlugins.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Engine.Faults;

/// <summary>Steps that train nothing, or not so that a resume can go on, are refused with plugin, stage and step.</summary>
public sealed class StepFaultTests : FaultRuns
{
    private const string Where = "Strategy 'faulty', stage 'main'";

    [Fact]
    public void A_step_as_it_should_be_is_not_refused()
    {
        Now.Plan = context => Training(context, Learn, 25);
        Run(Recipe());
        Assert.Empty(Warnings);
    }

    [Fact]
    public void Trainables_that_are_forgotten()
    {
        Now.Plan = context =>
        {
            var student = context.TrainableOf(Roles.Student);
            return [new("main", StageLength.Steps(3), s => Learn(s, student)) { Trains = [Roles.Student] }];
        };
        Fails(PluginErrors.NotListed, Where, "stage main, step 0 of 3", "updates 'student'", "lists nothing");
    }

    [Fact]
    public void A_trainable_that_is_not_among_those_listed_where_it_is_applied()
    {
        Now.Plan = context =>
        {
            var student = context.TrainableOf(Roles.Student);
            var other = new Trainable("other", [("p", new Parameter(zeros(1)))], null, null);
            void Step(IStepContext step) => step.Apply(other);
            return [new("main", StageLength.Steps(3), Step) { Trainables = [student], Trains = [Roles.Student] }];
        };
        Fails(PluginErrors.NotListed, Where, "step 0 of 3", "updates 'other'", "lists 'student'");
    }

    [Fact]
    public void An_optimiser_of_ones_own()
    {
        Now.Plan = context =>
        {
            var own = optim.SGD(context.Network(Roles.Student).Module.parameters(), 0.1);
            void Step(IStepContext step)
            {
                own.zero_grad();
                Objective(step).backward();
                own.step();
            }
            return [new("main", StageLength.Steps(3), Step) { Trains = [Roles.Student] }];
        };
        Fails(PluginErrors.NotListed, Where, "step 0 of 3", "'role/student'", "'first.weight'");
    }

    [Fact]
    public void A_head_of_a_loss_that_is_left_out()
    {
        Now.Head = nn.Linear(4, 2);
        Now.Loss = c => ((Linear)Now.Head).call(c.Student.Embedding).square().mean();
        Now.Plan = context =>
        {
            var student = Trainable.Of(Roles.Student, context.Network(Roles.Student).Module, null!, null!);
            void Step(IStepContext step) => Learn(step, student);
            return [new("main", StageLength.Steps(3), Step) { Trainables = [student], Trains = [Roles.Student] }];
        };
        Fails(PluginErrors.NotListed, Where, "step 0 of 3", "faulty-loss' ('weight', 'bias')", "context.TrainableOf");
    }

    [Fact]
    public void A_module_of_the_state_that_is_left_out_unless_it_is_to_stay()
    {
        var stays = false;
        Now.Plan = context =>
        {
            var head = nn.Linear(4, 2);
            head.weight!.requires_grad = head.bias!.requires_grad = !stays;
            context.State.Register("head", head);
            Now.Loss = c => head.call(c.Student.Embedding).square().mean();
            return Training(context, Learn);
        };
        Fails(PluginErrors.NotListed, Where, "'state/head' ('weight', 'bias')");
        stays = true;
        Runs.Whole(Recipe(), "stays");
    }

    [Fact]
    public void A_backward_pass_without_an_update()
    {
        Now.Plan = context => Training(context, (step, _) => Objective(step).backward());
        Fails(PluginErrors.NotStepped, Where, "stage main, step 0 of 3", "gradients of 'student'");
    }

    [Fact]
    public void A_backward_pass_that_is_applied()
    {
        Now.Plan = context =>
            Training(
                context,
                (step, student) =>
                {
                    foreach (var (_, p) in student.Parameters)
                        p.grad = null;
                    Objective(step).backward();
                    step.Apply(student);
                }
            );
        Run(Recipe());
    }

    [Fact]
    public void A_stage_that_trains_nothing()
    {
        Now.Plan = context => Training(context, (step, _) => Objective(step));
        Fails(PluginErrors.NothingTrained, Where, "its 3 steps have updated none of 'student'");
    }

    [Fact]
    public void Updates_need_not_come_in_every_step()
    {
        Now.Plan = context =>
            Training(
                context,
                (step, student) =>
                {
                    if (step.Progress.Step == 2)
                        Learn(step, student);
                }
            );
        Run(Recipe());
    }

    [Fact]
    public void A_loss_without_graph_names_itself()
    {
        Now.Loss = c => c.Student.Logits.detach().square().mean();
        Now.Plan = context => Training(context, Learn);
        Fails(TrainingErrors.NoGradient, "None of its losses ('faulty-loss')", "strategy 'faulty'", "step 0 of 3");
    }

    [Fact]
    public void An_objective_that_reaches_something_else()
    {
        Now.Plan = context =>
        {
            var other = new Trainable("other", [("p", new Parameter(zeros(1)))], null, null);
            var student = context.TrainableOf(Roles.Student);
            void Step(IStepContext step) => Learn(step, other);
            return
            [
                new("main", StageLength.Steps(3), Step) { Trainables = [student, other], Trains = [Roles.Student] },
            ];
        };
        Fails(TrainingErrors.NoGradient, "no graph to any parameter of what is updated ('other')", "strategy 'faulty'");
    }

    [Fact]
    public void A_loss_of_one_value_per_sample_names_itself()
    {
        Now.Loss = c => c.Student.Logits.square().mean([1]);
        Now.Plan = context => Training(context, Learn);
        const string losses = """{ "id": "cross-entropy" }, { "id": "faulty-loss" }""";
        FailsOn(
            TrainingErrors.NotScalar,
            Recipe(losses),
            "The loss 'faulty-loss' gave",
            "[4]",
            "step 0 of 3",
            ".mean()"
        );
    }

    [Fact]
    public void A_loss_of_null_and_an_objective_of_null()
    {
        Now.Loss = _ => null!;
        Now.Plan = context => Training(context, Learn);
        Fails(PluginErrors.Nothing, "Compute of loss 'faulty-loss' gave null at stage main, step 0 of 3");
        Now.Plan = context => Training(context, (step, student) => step.Update([student], () => null!));
        var failure = Assert.Throws<KdException>(() => Runs.Whole(Recipe(), "other"));
        Assert.Contains("KDP0741 The objective of stage main, step 0 of 3", failure.Message);
        Assert.Contains("strategy 'faulty'", failure.Message);
    }

    [Theory]
    [InlineData(5)]
    [InlineData(25)]
    public void Parameters_that_no_gradient_reaches_are_named_once(int steps)
    {
        Now.Head = nn.Sequential(("used", nn.Linear(4, 2)), ("unused", nn.Linear(4, 2)));
        // The classifier of the network is not used either: that is the method's business.
        Now.Loss = c =>
            ((Linear)Now.Head.named_modules().First(m => m.name == "used").module)
                .call(c.Student.Embedding)
                .square()
                .mean();
        Now.Plan = context => Training(context, Learn, steps);
        Run(Recipe());
        var warning = Assert.Single(Warnings);
        Assert.StartsWith($"{Where}: no gradient has reached", warning);
        Assert.Contains("'loss.faulty-loss.unused.weight', 'loss.faulty-loss.unused.bias' of 'student'", warning);
        Assert.DoesNotContain("last.weight", warning);
    }
}
