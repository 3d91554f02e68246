import{BarrageError as N}from"./barrage.mjs";function S(o){return new N("invalid",o)}function b(o,e,t){let{seq:i,userId:s,id:n,ts:a}=o;return s?s!==e.userId||n!==e.id?!1:n.startsWith("~")||Math.abs(a-e.ts)<=(n?12e4:0):t&&i>0&&i===e.seq}var D=/[\u202a-\u202e\u2066-\u2069]/g,G=/[\u0590-\u08ff\u200f\u061c\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;function c(o){return o.replace(D,"")}function q(o){let e=c(o);return G.
test(e)?`⁨${e}⁩`:e}var _=64,J=/[\p{Cc}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/gu;function C({user:o,userId:e}){let t=o?.name;return typeof t!="string"?c(e):[...t.replace(/\s+/g," ").replace(J,"").
trim()].slice(0,_).join("").trim()||c(e)}function O(o){let e=2166136261;for(let t of o)e=Math.imul(e^t.codePointAt(0),16777619);return(e>>>0)%360}var m=class{count=0;since=0;rate=0;add(e=1){this.count+=e}perSecond(e){let t=e-this.since;if(t<50)return this.rate;let i=Math.exp(-t/1e3);return this.rate=this.rate*i+this.count*1e3/t*(1-i),this.count=
0,this.since=e,this.rate}},y=class{constructor(e,t){this.rate=e;this.burst=t;this.left=t}rate;burst;left;since=0;take(e){return this.left=Math.min(this.burst,this.left+(e-this.since)*this.rate/1e3),this.
since=e,this.left<1?!1:(this.left--,!0)}};function j(o,e){if(o>=e*.97)return;let t=e/Math.max(o,.01);if(t>=1.75)return{part:1,whole:Math.round(t)};let i=Math.min(9,Math.max(2,Math.round(o/(e-o))));return{
part:i,whole:i+1}}function R(o,e){return o.from-o.speed*(e-o.at)}var T=4,v=class{constructor(e){this.gap=e}gap;last=[];width=0;strips=0;resize(e,t){this.width=e,this.strips=Math.floor(t/T)}clear(){this.last.fill(void 0)}place(e,t,i,s=0){
let n=Math.ceil(e.height/T),a=this.width+s;for(let r=0;r+n<=this.strips;r+=n){if(this.firstTaken(r,n,a,t,i)>=0)continue;let l={...e,speed:t,from:a,at:i,top:r*T};for(let f=r;f<r+n;f++)this.last[f]=l;return l}}firstTaken(e,t,i,s,n){
let a;for(let r=e;r<e+t;r++){let h=this.last[r];if(!(h===a||!h)){if(!this.staysBehind(h,i,s,n))return r;a=h}}return-1}staysBehind(e,t,i,s){let n=R(e,s)+e.width+this.gap;return n>t?!1:n<=0||i<=e.speed?
!0:t-i*(n/e.speed)>=0}};var K=[{font:22,track:36,speed:1},{font:18,track:28,speed:1.35},{font:15,track:20,speed:1.8},{font:15,track:20,speed:2.6}],U='system-ui, -apple-system, "Segoe UI", "PingFang SC", "Microsoft YaHei", "N\
oto Sans CJK SC", sans-serif',E=12,w=60,Y=120,Z=900,Q=8e3,k=class{constructor(e){this.canvas=e;this.context=e.getContext("2d")}canvas;tracks=new v(E);context;flyers=[];waiting=[];spare=[];width=0;height=0;scale=1;ems=6;offered=new m;shown=new m;blank=!0;look={
family:U,times:1};resize(){let{clientWidth:e,clientHeight:t}=this.canvas;this.scale=Math.min(2,devicePixelRatio||1),this.width=e,this.height=t,this.canvas.width=Math.round(e*this.scale),this.canvas.height=
Math.round(t*this.scale),this.tracks.resize(e,t-8)}add(e){if(this.offered.add(),this.waiting.push({comment:e,since:performance.now()}),this.waiting.length<=Y)return;let t=this.waiting.findIndex(i=>i.comment.
look!=="mine");this.waiting.splice(Math.max(0,t),1)}remove(e){this.drop(t=>b(e,t,!0))}drop(e){this.waiting=this.waiting.filter(t=>!e(t.comment.message));for(let t of this.flyers)e(t.comment.message)&&
(t.sprite.width=1)}clear(){this.waiting=[],this.flyers=[],this.tracks.clear()}share(e){let t=this.offered.perSecond(e),i=this.shown.perSecond(e);return t<3?void 0:j(i,t)}draw(e){this.launch(e);let{context:t,
scale:i}=this;this.blank||t.clearRect(0,0,this.canvas.width,this.canvas.height),this.blank=this.flyers.length===0;let s=0;for(let n of this.flyers){let a=R(n.flight,e);if(a+n.flight.width<0){this.spare.
length<64&&this.spare.push(n.sprite);continue}this.flyers[s++]=n,a<this.width&&t.drawImage(n.sprite,a*i,n.flight.top*i+4*i)}this.flyers.length=s}launch(e){if(this.waiting=this.waiting.filter(r=>e-r.since<
(r.comment.look==="mine"?Q:Z)),!this.waiting.length||!this.width)return;let t=this.density(e),i=Math.max(2,Math.ceil(this.waiting.length/6)),s=4,n=r=>+(r.comment.look==="mine"),a=this.waiting.sort((r,h)=>n(
h)-n(r));this.waiting=[];for(let r of a)i>0&&s>0&&this.fly(r.comment,t,e)?i--:(s--,this.waiting.push(r))}get base(){return .05+this.width/12e3}fly(e,{font:t,track:i,speed:s},n){let a=X(e);this.context.
font=`600 ${t}px ${this.look.family}`;let r=Math.ceil(this.context.measureText(a).width)+A(e,t)*2,h=1+.3*Math.min(1,r/this.width),l=this.tracks.place({width:r,height:i},this.base*s*h,n,Math.random()*60);
return l?(this.ems+=(r/t-this.ems)*.02,this.shown.add(),this.flyers.push({comment:e,flight:l,sprite:this.paint(e,a,t,l)}),!0):!1}density(e){let t=this.offered.perSecond(e),{times:i}=this.look,s=K.map(
({font:a,track:r,speed:h})=>({font:a*i,track:r*i,speed:h}));return s.find(({font:a,track:r,speed:h})=>{let l=(this.ems*a+E)/(this.base*h*1e3);return t<.75*Math.floor(this.height/r)/l})??s[s.length-1]}paint(e,t,i,{
width:s,height:n}){let a=this.spare.pop()??document.createElement("canvas"),r=a.getContext("2d");a.width=Math.ceil(s*this.scale),a.height=Math.ceil(n*this.scale),r.scale(this.scale,this.scale),e.look!==
"plain"&&(r.fillStyle=e.look==="mine"?"rgb(82 70 214 / .62)":"rgb(160 96 0 / .62)",r.strokeStyle=e.look==="mine"?"#cfc9ff":"#ffd873",r.lineWidth=1.5,r.beginPath(),r.roundRect(1,1,s-2,n-2,n/2),r.fill(),
r.stroke()),r.font=`600 ${i}px ${this.look.family}`,r.textBaseline="middle",r.lineJoin="round",r.lineWidth=i/6,r.strokeStyle="rgb(8 6 24 / .72)";let h=A(e,i),l=n/2+1;return r.strokeText(t,h,l),r.fillStyle=
e.look==="gift"?"#ffe9a8":e.look==="mine"||e.hue%3?"#fff":`oklch(.9 .1 ${e.hue})`,r.fillText(t,h,l),a}};function A(o,e){return o.look==="plain"?3:e*.7}var V=new Intl.Segmenter;function X({text:o,who:e}){
return(e?`${q(e)} `:"")+q(ee(o))}function ee(o){let e=o.replace(/\s+/g," ");if(e.length<=w)return e;let t=[...V.segment(e.slice(0,4*w))].map(i=>i.segment);return t.length<=w?e:`${t.slice(0,w).join("")}\
…`}function L({userId:o,ts:e},t){return o!==""&&o===t.userId&&t.since<=e&&e<=t.until}var P=30,te=22,H=1e3,z=600,F=`
.barrage { position: absolute; inset: 0; overflow: hidden; pointer-events: none; color: var(--barrage-color, #fff); font: var(--barrage-weight, 600) var(--barrage-size, 22px)/1.35 var(--barrage-font, \
system-ui, sans-serif); text-shadow: var(--barrage-shadow, 0 1px 3px rgb(0 0 0 / .85), 0 0 2px rgb(0 0 0 / .85)); }
.barrage-sky { position: absolute; inset: 0 0 auto; width: 100%; height: calc(100% * var(--barrage-area, 1)); }
.barrage-list { position: absolute; inset: auto 0 0; display: grid; gap: var(--barrage-gap, .15em); margin: 0; padding: var(--barrage-padding, .6em); list-style: none; }
.barrage-row { overflow-wrap: anywhere; }
.barrage-name { margin-inline-end: .45em; color: var(--barrage-accent, oklch(.86 .12 var(--barrage-hue))); unicode-bidi: isolate; }
.barrage-text { unicode-bidi: isolate; font-weight: var(--barrage-text-weight, 500); }
.barrage-said { color: var(--barrage-accent, #ffe9a8); }
.barrage-fades .barrage-row { animation: barrage-out ${z}ms var(--barrage-fade) both; }
@keyframes barrage-out { to { opacity: 0; } }
@media (prefers-reduced-motion: reduce) { .barrage-sky { display: none; } }
`,x=class{#n;#e;#s;#r;#t;#h;#l=new y(P,2*P);#a;#o=[];#i=[];#d=[];#u=()=>"";#c=0;#f=-H;constructor(e,t={}){let{look:i="fly",lines:s=8,fadeMs:n=0,area:a=1,size:r,font:h,accent:l,hide:f=()=>!1}=t;if(!["f\
ly","list","both"].includes(i))throw S(`cannot make an overlay: look is ${String(i)}, want fly, list or both`);M("lines",s,1,100),M("fadeMs",n,0,36e5),M("area",a,.1,1),r!==void 0&&M("size",r,8,200),this.#r=
Math.floor(s),this.#t=n,this.#h=f;let g=this.#n=u("div",`barrage${n>0?" barrage-fades":""}`),W={size:r&&`${r}px`,font:h,accent:l,fade:`${n}ms`,area:t.area&&String(a)};for(let[d,p]of Object.entries(W))
p&&g.style.setProperty(`--barrage-${d}`,p);if(i!=="list"){let d=u("canvas","barrage-sky");d.ariaHidden="true",g.append(d);let p=this.#e=new k(d);this.#a=new ResizeObserver(()=>p.resize()),this.#a.observe(
d)}i!=="fly"&&g.append(this.#s=u("ol","barrage-list")),e.append(g),this.#c=requestAnimationFrame(d=>this.#g(d))}show(e){this.clear(),this.#u=()=>e.epoch;let t=i=>this.#m(i);this.#d=[e.on("message",(i,{
history:s})=>this.#p(i,e.epoch,s)),e.on("recalled",i=>t((s,n)=>b(i,s,n===e.epoch))),e.on("purged",i=>t(s=>L(s,i))),e.on("cleared",i=>t((s,n)=>n!==i.epoch||s.seq<=i.seq))]}clear(){for(let e of this.#d.
splice(0))e();this.#m(()=>!0),this.#e?.clear()}close(){this.clear(),cancelAnimationFrame(this.#c),this.#a?.disconnect(),this.#n.remove()}#p(e,t,i){if(e.recalled||this.#h(e))return;let s=e.kind==="syst\
em",n=performance.now(),a=i?Math.max(0,Date.now()-e.ts):0;if(this.#s&&(this.#t===0||a<this.#t)&&(s||i||this.#l.take(n))&&(this.#i.push({message:e,epoch:t,node:this.#b(e,a),endsAt:this.#t>0?n+this.#t-a+
z:1/0}),this.#i.length>2*this.#r&&(this.#i=this.#i.slice(-this.#r))),i||document.hidden)return;let r=e.kind==="gift";this.#e?.add({message:e,text:e.body,...r?{who:C(e)}:{},look:r||s?"gift":"plain",hue:O(
e.userId)})}#b(e,t){let i=e.kind==="system",s=u("li",`barrage-row barrage-kind-${I(e.kind)}${i?" barrage-said":""}`),n=e.user?.role;return typeof n=="string"&&n&&s.classList.add(`barrage-role-${I(n)}`),
s.style.setProperty("--barrage-hue",String(O(e.userId))),t>0&&(s.style.animationDelay=`${this.#t-t}ms`),s.part.add("row"),i||s.append(u("b","barrage-name",C(e))," "),s.append(u("span","barrage-text",c(
e.body))),s}#m(e){let t=({message:i,epoch:s,node:n})=>e(i,s)?(n.remove(),!1):!0;this.#o=this.#o.filter(t),this.#i=this.#i.filter(t),this.#e?.drop(i=>e(i,this.#u()))}#y(e,t){if(t-this.#f>=H){let{fontFamily:i,
fontSize:s}=getComputedStyle(this.#n);e.look={family:i,times:parseFloat(s)/te},this.#f=t}e.draw(performance.now())}#g(e){if(this.#c=requestAnimationFrame(n=>this.#g(n)),this.#e&&this.#y(this.#e,e),!this.#s)
return;let t=this.#o.length>0&&this.#o[0].endsAt<=e;if(this.#i.length===0&&!t)return;let i=[...this.#o,...this.#i.splice(0)],s=i.filter(({endsAt:n})=>n>e).slice(-this.#r);for(let n of i)s.includes(n)||
n.node.remove();for(let{node:n}of s)n.isConnected||this.#s.append(n);this.#o=s}};function M(o,e,t,i){if(!(typeof e=="number"&&e>=t&&e<=i))throw S(`cannot make an overlay: ${o} is ${String(e)}, want ${t}\
 to ${i}`)}function I(o){return o.replace(/[^\w-]/g,"_").slice(0,32)}function u(o,e,t=""){let i=document.createElement(o);return i.className=e,t&&(i.dir="auto",i.textContent=t),i}import{Room as ie}from"./barrage.mjs";var ne=":host { display: block; position: relative; min-height: 1em; } :host([hidden]) { display: none; }",se=["room","url","user-id","token","look","lines","fade",
"area","size","font","accent"],re=globalThis.HTMLElement??class{},$=class extends re{static observedAttributes=se;#n;#e;#s;#r=!1;get live(){return this.#e}get getToken(){return this.#n}set getToken(e){
this.#n=e,this.#t()}connectedCallback(){this.#t()}disconnectedCallback(){this.#t()}attributeChangedCallback(){this.#t()}#t(){this.#r||(this.#r=!0,queueMicrotask(()=>{this.#r=!1,this.#l(),this.isConnected&&
this.getAttribute("room")&&this.#h()}))}#h(){try{let e=this.#s=new x(this.#o(),this.#i()),t=this.#e=new ie(this.#d());e.show(t),t.on("error",i=>this.#a(i)),t.connect()}catch(e){this.#l(),this.#a(e)}}#l(){
this.#s?.close(),this.#e?.close(),this.#s=this.#e=void 0}#a(e){this.dispatchEvent(new CustomEvent("barrage-error",{detail:e}))}#o(){if(this.shadowRoot)return this.shadowRoot;let e=this.attachShadow({mode:"\
open"}),t=new CSSStyleSheet;return t.replaceSync(ne+F),e.adoptedStyleSheets=[t],e}#i(){let e=(i,s=1)=>this.hasAttribute(i)?Number(this.getAttribute(i))*s:void 0,t={look:this.getAttribute("look")??void 0,
lines:e("lines"),fadeMs:e("fade",1e3),area:e("area"),size:e("size"),font:this.getAttribute("font")??void 0,accent:this.getAttribute("accent")??void 0};return B(t)}#d(){let[e,t,i,s]=["room","url","user\
-id","token"].map(n=>this.getAttribute(n)??void 0);return B({room:e,url:t,userId:i,...this.#n?{getToken:this.#n}:{token:s}})}};function B(o){return Object.fromEntries(Object.entries(o).filter(([,e])=>e!==
void 0))}globalThis.customElements&&!customElements.get("barrage-room")&&customElements.define("barrage-room",$);export{$ as BarrageRoom};
